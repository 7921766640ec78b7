// SPDX-License-Identifier: Apache-2.0
#include "jobs/verbs/make_verbs.hpp"

namespace rove::jobs {

std::vector<std::unique_ptr<Verb>> make_verbs() {
  std::vector<std::unique_ptr<Verb>> verbs;
  verbs.push_back(make_run_verb());
  verbs.push_back(make_import_verb());
  verbs.push_back(make_partition_verb());
  verbs.push_back(make_ppr_verb());
  verbs.push_back(make_walk_verb());
  verbs.push_back(make_index_verb());
  verbs.push_back(make_query_verb());
  verbs.push_back(make_serve_verb());
  verbs.push_back(make_train_verb());
  verbs.push_back(make_fold_in_verb());
  verbs.push_back(make_forget_verb());
  verbs.push_back(make_evaluate_verb());
  verbs.push_back(make_recommend_verb());
  verbs.push_back(make_sample_verb());
  verbs.push_back(make_export_verb());
  verbs.push_back(make_publish_verb());
  verbs.push_back(make_info_verb());
  verbs.push_back(make_verify_verb());
  verbs.push_back(make_lookup_verb());
  verbs.push_back(make_diff_verb());
  verbs.push_back(make_estimate_verb());
  verbs.push_back(make_generate_verb());
  verbs.push_back(make_config_verb());
  return verbs;
}

}  // namespace rove::jobs
