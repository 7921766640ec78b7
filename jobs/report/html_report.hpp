// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "jobs/report/report_data.hpp"

namespace rove::jobs {

/// The morning report: one HTML page that needs nothing else, neither files nor scripts, for screens in light and dark,
/// phones and paper. Headings state what was found. A pure function of the data; every text in it is escaped.
[[nodiscard]] std::string html_report(const ReportData& data);

}  // namespace rove::jobs
