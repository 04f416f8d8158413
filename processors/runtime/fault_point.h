#pragma once
// Named places where a test may end, freeze or delay the process. Off unless the environment says
//
//   SUJIP_FAULT=[<stage>.]<name>[:<n>|:*][:kill|:stop|:delay=<ms>][,...]
//
// The n-th time (first by default, * = every time) the place is passed, in any lane of the stage (of all
// stages by default), the process is killed as kill -9 would, stopped as SIGSTOP would, or the thread
// sleeps. tests/chaos lists the names.

#include <string_view>

namespace sujip {
void fault_point(std::string_view stage, std::string_view name);
}
