#include "producers/files/offered_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <tuple>

namespace sujip::feeds {
namespace fs = std::filesystem;

Result<FoundFile> look_at(const std::string& path, const std::string& name) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return Error{fmt::format("looking at the file: {}", std::strerror(errno)), path, ""};
  }
  if (!S_ISREG(status.st_mode)) return Error{"not a regular file", path, ""};
  return FoundFile{path, name, status.st_size, int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

Result<std::vector<FoundFile>> find_files(const std::string& folder, const std::string& glob,
                                          std::vector<std::string>* folders) {
  std::vector<FoundFile> found;
  std::error_code error;
  const auto options = fs::directory_options::follow_directory_symlink | fs::directory_options::skip_permission_denied;
  fs::recursive_directory_iterator at(folder, options, error);
  if (error) {
    return Error{fmt::format("opening the folder: {}", error.message()), folder,
                 "set it with `sujip source add NAME --path DIR`"};
  }
  if (folders != nullptr) folders->push_back(folder);
  const size_t base = folder.size() + (folder.ends_with('/') ? 0 : 1);
  for (; at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (error) return Error{fmt::format("reading the folder: {}", error.message()), folder, ""};
    const std::string path = at->path().string();
    if (at->path().filename().string().starts_with('.')) {
      at.disable_recursion_pending();
      continue;
    }
    std::error_code ignored;  // a file may vanish between listing and looking
    if (at->is_directory(ignored)) {
      if (folders != nullptr) folders->push_back(path);
      continue;
    }
    const std::string name = path.substr(base);
    if (!glob_matches(glob, name)) continue;
    if (auto file = look_at(path, name)) found.push_back(std::move(*file));
  }
  if (error) return Error{fmt::format("reading the folder: {}", error.message()), folder, ""};
  std::sort(found.begin(), found.end(), [](const FoundFile& a, const FoundFile& b) { return a.name < b.name; });
  return found;
}

std::variant<OfferedFile, Refusal> describe(const FileConnector& connector, const FoundFile& file, const Said& said) {
  const auto refuse = [&](std::string reason, std::string hint) {
    return Refusal{file.name, 0, 0, std::move(reason), std::move(hint)};
  };
  // macOS writes Hangul in pieces; the parts of a name become keys, so they are composed.
  const std::string composed = compose_hangul(file.name);
  auto parts = connector.name.match(composed);
  if (!parts && said.parts.empty()) {
    return refuse("its name doesn't say what it is", fmt::format("the connector expects {}", connector.name.text()));
  }
  if (!parts) parts.emplace();
  for (const auto& [name, value] : said.parts) (*parts)[name] = value;

  OfferedFile out{file, Scope{connector.source, connector.account, connector.dataset, {}}, {}};
  if (!connector.account_from.empty()) out.scope.account = (*parts)[connector.account_from];
  if (!said.account.empty()) out.scope.account = said.account;
  if (out.scope.account.empty()) return refuse("its name says no account", "");

  for (const std::string& tmpl : {connector.scope_template, connector.snapshot_template}) {
    for (const std::string& name : template_names(tmpl).value_or(std::vector<std::string>{})) {
      if (const auto part = parts->find(name); part == parts->end() || part->second.empty()) {
        return refuse(fmt::format("its name says no {}", name),
                      fmt::format("the connector expects {}", connector.name.text()));
      }
    }
  }
  out.scope.slice = fill_template(connector.scope_template, *parts);
  if (connector.scope_field.ends_with("date")) {
    const auto day = parse_name_day(out.scope.slice);
    if (!day) return refuse(fmt::format("\"{}\" is no date", out.scope.slice), "e.g. 2011-01-05");
    out.scope.slice = day->str();
  }
  if (connector.is_series()) {
    const std::string text = fill_template(connector.snapshot_template, *parts);
    out.snapshot_at = parse_name_time(text, connector.zone_offset_ms);
    if (!out.snapshot_at) {
      return refuse(fmt::format("\"{}\" is no time", text), "e.g. 2020-07-05T174436");
    }
  }
  return out;
}

void sort_for_publication(std::vector<OfferedFile>& files) {
  std::stable_sort(files.begin(), files.end(), [](const OfferedFile& a, const OfferedFile& b) {
    return std::tie(a.snapshot_at, a.file.name) < std::tie(b.snapshot_at, b.file.name);
  });
}

}  // namespace sujip::feeds
