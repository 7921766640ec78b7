// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "jobs/verbs/verb.hpp"

namespace rove::jobs {

[[nodiscard]] std::unique_ptr<Verb> make_run_verb();
[[nodiscard]] std::unique_ptr<Verb> make_import_verb();
[[nodiscard]] std::unique_ptr<Verb> make_partition_verb();
[[nodiscard]] std::unique_ptr<Verb> make_ppr_verb();
[[nodiscard]] std::unique_ptr<Verb> make_walk_verb();
[[nodiscard]] std::unique_ptr<Verb> make_index_verb();
[[nodiscard]] std::unique_ptr<Verb> make_query_verb();
[[nodiscard]] std::unique_ptr<Verb> make_serve_verb();
[[nodiscard]] std::unique_ptr<Verb> make_train_verb();
[[nodiscard]] std::unique_ptr<Verb> make_fold_in_verb();
[[nodiscard]] std::unique_ptr<Verb> make_forget_verb();
[[nodiscard]] std::unique_ptr<Verb> make_evaluate_verb();
[[nodiscard]] std::unique_ptr<Verb> make_recommend_verb();
[[nodiscard]] std::unique_ptr<Verb> make_sample_verb();
[[nodiscard]] std::unique_ptr<Verb> make_export_verb();
[[nodiscard]] std::unique_ptr<Verb> make_publish_verb();
[[nodiscard]] std::unique_ptr<Verb> make_info_verb();
[[nodiscard]] std::unique_ptr<Verb> make_verify_verb();
[[nodiscard]] std::unique_ptr<Verb> make_lookup_verb();
[[nodiscard]] std::unique_ptr<Verb> make_diff_verb();
[[nodiscard]] std::unique_ptr<Verb> make_estimate_verb();
[[nodiscard]] std::unique_ptr<Verb> make_generate_verb();
[[nodiscard]] std::unique_ptr<Verb> make_config_verb();

}  // namespace rove::jobs
