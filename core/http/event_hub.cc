#include "core/http/event_hub.h"

#include <vector>

namespace sujip::http {
namespace {

std::string event_text(const std::string& id, const std::string& event, const std::string& data) {
  std::string out = "id: " + id + "\nevent: " + event + "\n";
  size_t begin = 0;
  while (true) {
    const size_t end = data.find('\n', begin);
    out += "data: ";
    out.append(data, begin, end == std::string::npos ? std::string::npos : end - begin);
    out += '\n';
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  out += '\n';
  return out;
}

}  // namespace

EventHub::EventHub() : state_(std::make_shared<State>()) {}
EventHub::~EventHub() = default;

void EventHub::publish(const std::string& id, const std::string& event, const std::string& data) {
  const auto text = std::make_shared<const std::string>(event_text(id, event, data));
  const std::lock_guard one_at_a_time(state_->publishing);
  std::vector<std::shared_ptr<EventListener>> listeners;
  {
    const std::lock_guard lock(state_->mutex);
    state_->last_id = id;
    state_->last_text = text;
    for (const auto& [key, known] : state_->listeners)
      if (auto alive = known.listener.lock()) listeners.push_back(std::move(alive));
  }
  for (const auto& listener : listeners) listener->send(text);
}

int EventHub::clients() const {
  const std::lock_guard lock(state_->mutex);
  return static_cast<int>(state_->listeners.size());
}

void EventHub::State::add(const std::shared_ptr<EventListener>& listener, const void* server,
                          std::string_view last_event_id) {
  std::shared_ptr<const std::string> missed;
  {
    const std::lock_guard lock(mutex);
    listeners[listener.get()] = {listener, server};
    if (last_text != nullptr && last_event_id != last_id) missed = last_text;
  }
  if (missed != nullptr) listener->send(missed);
}

void EventHub::State::remove(const EventListener* listener) {
  const std::lock_guard lock(mutex);
  listeners.erase(listener);
}

void EventHub::State::leave(const void* server) {
  {
    const std::lock_guard lock(mutex);
    std::erase_if(listeners, [&](const auto& known) { return known.second.server == server; });
  }
  const std::lock_guard until_it_is_out(publishing);
}

}  // namespace sujip::http
