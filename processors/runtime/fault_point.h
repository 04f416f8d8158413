#pragma once
// Named places where a test may end the process at once, as kill -9 would. Off unless the environment
// says SUJIP_FAULT=<name>[:<n>] (the n-th time the place is passed, first by default).

namespace sujip {
void fault_point(const char* name);
}
