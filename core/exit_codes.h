#pragma once
// Exit codes that scripts can use.

namespace sujip {
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;       // the work failed
inline constexpr int kExitUsage = 2;        // wrong arguments or configuration
inline constexpr int kExitIncomplete = 3;   // something is refused, held or not there yet
inline constexpr int kExitEnvironment = 4;  // broker or database unreachable, wrong versions
}  // namespace sujip
