#pragma once
// DefaultPaginator with PageIncrement and CursorPagination; NoPagination.

#include "producers/engine/components.h"
#include "producers/engine/node.h"

namespace sujip::engine {

Result<std::unique_ptr<Paginator>> build_paginator(const Node* node);  // null: no pages

}  // namespace sujip::engine
