#pragma once
// Inside of EventHub, shared by the server's event streams.

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "core/http/server.h"

namespace sujip::http {

// One listening browser. send() may be called from any thread and never blocks.
class EventListener {
 public:
  virtual ~EventListener() = default;
  virtual void send(std::shared_ptr<const std::string> text) = 0;
};

struct EventHub::State {
  std::mutex mutex;
  std::string last_id;
  std::shared_ptr<const std::string> last_text;
  std::map<const EventListener*, std::weak_ptr<EventListener>> listeners;

  // Registers, and sends the newest event unless the browser already has it.
  void add(const std::shared_ptr<EventListener>& listener, std::string_view last_event_id);
  void remove(const EventListener* listener);
};

}  // namespace sujip::http
