#include "producers/registry/feed_files.h"

#include <unordered_map>

namespace sujip::registry {
namespace {

// An array of texts in PostgreSQL's notation.
class TextArray {
 public:
  void add(std::string_view text) {
    out_ += out_.size() == 1 ? "\"" : ",\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out_ += '\\';
      out_ += c;
    }
    out_ += '"';
  }
  void add(int64_t number) { add(std::string_view(std::to_string(number))); }
  std::string str() const { return out_ + "}"; }

 private:
  std::string out_ = "{";
};

}  // namespace

Result<feeds::FeedMemory> load_feed_memory(pg::Connection& db, const std::string& source) {
  SUJIP_TRY(const pg::Rows rows, db.query("select file, content_hash, size, mtime_ns, scope, run, rows, state = 'same' "
                                          "from sujip.feed_file where source = $1",
                                          source));
  std::vector<feeds::AcceptedFile> files;
  files.reserve(static_cast<size_t>(rows.size()));
  for (int i = 0; i < rows.size(); ++i) {
    feeds::AcceptedFile file;
    file.file = rows.text(i, 0);
    file.content_hash = rows.text(i, 1);
    file.size = rows.integer(i, 2);
    file.mtime_ns = rows.integer(i, 3);
    file.scope = rows.text(i, 4);
    file.run = RunId::parse(rows.text(i, 5)).value_or(RunId{});
    file.rows = rows.integer(i, 6);
    file.same = rows.boolean(i, 7);
    files.push_back(std::move(file));
  }
  return feeds::FeedMemory(std::move(files));
}

Status store_accepted(pg::Connection& db, const std::string& source, const std::vector<feeds::AcceptedFile>& files) {
  // A file may have been accepted twice since the last time; the later one counts, and one statement
  // can't touch a row twice.
  std::unordered_map<std::string_view, const feeds::AcceptedFile*> latest;
  for (const feeds::AcceptedFile& file : files) latest[file.file] = &file;
  TextArray names, hashes, sizes, times, scopes, runs, rows, states;
  for (const auto& [name, file] : latest) {
    names.add(name);
    hashes.add(file->content_hash);
    sizes.add(file->size);
    times.add(file->mtime_ns);
    scopes.add(file->scope);
    runs.add(file->run.str());
    rows.add(file->rows);
    states.add(file->same ? "same" : "accepted");
  }
  SUJIP_CHECK_OK(db.query(
      "insert into sujip.feed_file (source, file, content_hash, size, mtime_ns, scope, run, rows, "
      "state) select $1, f.* from unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], "
      "$6::text[], $7::text[], $8::bigint[], $9::text[]) f on conflict (source, file) do update set "
      "content_hash = excluded.content_hash, size = excluded.size, mtime_ns = excluded.mtime_ns, "
      "scope = excluded.scope, run = excluded.run, rows = excluded.rows, state = excluded.state, "
      "accepted_at = now()",
      source, names.str(), hashes.str(), sizes.str(), times.str(), scopes.str(), runs.str(), rows.str(), states.str()));
  return {};
}

}  // namespace sujip::registry
