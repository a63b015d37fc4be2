// Runs one op of the device.
#pragma once
#include "queue.h"

namespace emulated {

// A CUresult: what the op gave, or 700 where it touched what is not its own.
int execute(Op &op);

} // namespace emulated
