// SPDX-License-Identifier: Apache-2.0
#pragma once

// The namespace of inline functions whose code depends on the instruction set they are compiled for. The build defines
// it for sources that are compiled twice (rove_add_isa_sources); everything else is compiled for the baseline.
#ifndef ROVE_ISA
#define ROVE_ISA avx2
#endif
