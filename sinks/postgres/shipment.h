#pragma once
// A batch on its way into the database: the messages, the rows made of them, and how far each
// partition gets with it.

#include <vector>

#include "sinks/postgres/batch.h"
#include "sinks/postgres/prepare.h"
#include "sinks/postgres/progress.h"

namespace sujip::sink {

struct Shipment {
  Batch batch;
  Prepared prepared;
  std::vector<Move> moves;
};

}  // namespace sujip::sink
