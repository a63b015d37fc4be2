// The primary context of the one device.
#pragma once

namespace emulated::context {

bool is_initialized();
bool is_current();

} // namespace emulated::context
