#pragma once
// Text of a template -> segments. Internal to core/expressions.

#include <string>
#include <string_view>
#include <vector>

#include "core/expressions/ast.h"

namespace sujip::expressions {

// Fills `out` (text and dialect are set); Error.where names template and column.
Status parse_template(CompiledTemplate& out, const std::vector<std::string>& names);

// "template `{{ .. }}`, column 7"
std::string place(std::string_view text, size_t column);

}  // namespace sujip::expressions
