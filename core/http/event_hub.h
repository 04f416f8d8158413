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
  struct Listener {
    std::weak_ptr<EventListener> listener;
    const void* server;
  };

  std::mutex publishing;  // held while an event goes out; never taken by a listener that ends
  std::mutex mutex;       // of all that follows
  std::string last_id;
  std::shared_ptr<const std::string> last_text;
  std::map<const EventListener*, Listener> listeners;

  // Registers, and sends the newest event unless the browser already has it.
  void add(const std::shared_ptr<EventListener>& listener, const void* server, std::string_view last_event_id);
  void remove(const EventListener* listener);
  // Forgets the listeners of a server. On return no publisher holds one of them: the server may end, and with it
  // what they stand on.
  void leave(const void* server);
};

}  // namespace sujip::http
