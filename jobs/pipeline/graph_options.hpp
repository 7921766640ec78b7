// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "io/import/import_options.hpp"
#include "jobs/config/config.hpp"
#include "jobs/pipeline/session.hpp"
#include "partition/partitioner.hpp"

/// `graph`, `forget` and `partition` as the options of import and of partitioners. All throw `ConfigError` naming the
/// key.
namespace rove::jobs {

/// How the files of the key `files` are laid out, as PREFIXformat, PREFIXsource, PREFIXtarget and PREFIXheader say.
[[nodiscard]] io::TextLayout text_layout(const Config& config, const std::string& files, const std::string& prefix);
[[nodiscard]] io::ImportOptions import_options(const Config& config);
/// The lists of `forget.*`; users and items are those of training.
[[nodiscard]] io::ForgetOptions forget_options(const Config& config);
[[nodiscard]] partition::PartitionOptions partition_options(const Session& session);

}  // namespace rove::jobs
