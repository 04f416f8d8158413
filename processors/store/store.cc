#include "processors/store/store.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "core/log.h"

namespace sujip {
namespace {

namespace fs = std::filesystem;

constexpr uint8_t kMetaSpace = 0xff;
// Sorts before every task; the length is given because it begins with a NUL.
constexpr std::string_view kIdentityKey{"\0sujip-store", 12};
constexpr int kFormat = 1;

void append_big_endian(std::string& out, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

uint64_t read_big_endian(std::string_view in) {
  uint64_t out = 0;
  for (size_t i = 0; i < 8; ++i) out = out << 8 | static_cast<unsigned char>(in[i]);
  return out;
}

std::string prefix_key(uint64_t task, uint8_t space, uint64_t prefix) {
  std::string out;
  append_big_endian(out, task);
  out += static_cast<char>(space);
  append_big_endian(out, prefix);
  return out;
}

std::string meta_key(uint64_t task) {
  std::string out;
  append_big_endian(out, task);
  return out + static_cast<char>(kMetaSpace);
}

Error store_error(std::string_view what, const rocksdb::Status& status, const std::string& dir) {
  return Error{std::string(what) + ": " + status.ToString(), dir,
               "the folder is a cache of what Kafka holds: it may be removed while stopped"};
}

}  // namespace

struct Store::Impl {
  std::string dir;
  rocksdb::Options options;
  std::unique_ptr<rocksdb::DB> db;
  std::atomic<uint64_t> next_file{0};
};

Store::Store() : impl_(std::make_unique<Impl>()) {}
Store::~Store() = default;

uint64_t Store::task_id(std::string_view name) { return XXH3_64bits(name.data(), name.size()); }

std::string Store::row_key(uint64_t task, uint8_t space, uint64_t prefix, const KeyHash& key) {
  std::string out = prefix_key(task, space, prefix);
  append_big_endian(out, key.high);
  append_big_endian(out, key.low);
  return out;
}

Result<std::unique_ptr<Store>> Store::open(const std::string& dir, const std::string& cluster,
                                           size_t cache_bytes) {
  std::unique_ptr<Store> self(new Store);
  Impl& impl = *self->impl_;
  impl.dir = dir;
  std::error_code error;
  fs::create_directories(dir + "/incoming", error);
  if (error) return Error{"creating the folder: " + error.message(), dir, "check SUJIP_HOME"};
  for (const auto& leftover : fs::directory_iterator(dir + "/incoming"))
    fs::remove(leftover.path(), error);

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(cache_bytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.cache_index_and_filter_blocks = true;
  impl.options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  impl.options.create_if_missing = true;
  impl.options.compression = rocksdb::kLZ4Compression;
  impl.options.max_background_jobs = 2;
  impl.options.info_log_level = rocksdb::WARN_LEVEL;
  impl.options.keep_log_file_num = 2;
  // Only ingested files, so the levels see many small sorted files: let them merge early.
  impl.options.level0_file_num_compaction_trigger = 8;

  rocksdb::DB* db = nullptr;
  const std::string path = dir + "/db";
  rocksdb::Status status = rocksdb::DB::Open(impl.options, path, &db);
  if (status.IsIOError() && status.ToString().find("lock") != std::string::npos)
    return store_error("opening the state, another process has it", status, path);
  if (!status.ok()) return store_error("opening the state", status, path);
  impl.db.reset(db);

  const std::string identity = std::to_string(kFormat) + " " + cluster;
  std::string have;
  status = impl.db->Get({}, rocksdb::Slice(kIdentityKey.data(), kIdentityKey.size()), &have);
  if (status.ok() && have != identity) {
    log::warn("local state of another cluster or format is dropped: {}", path);
    impl.db.reset();
    if (const auto s = rocksdb::DestroyDB(path, impl.options); !s.ok())
      return store_error("dropping old state", s, path);
    return open(dir, cluster, cache_bytes);
  }
  if (!status.ok()) {
    status = impl.db->Put({}, rocksdb::Slice(kIdentityKey.data(), kIdentityKey.size()), identity);
    if (!status.ok()) return store_error("writing the state's identity", status, path);
    impl.db->Flush({});
  }
  return self;
}

void Store::scan(uint64_t task, uint8_t space, uint64_t prefix,
                 const std::function<void(const KeyHash&, std::string_view)>& f) const {
  const std::string from = prefix_key(task, space, prefix);
  rocksdb::ReadOptions options;
  const std::unique_ptr<rocksdb::Iterator> it(impl_->db->NewIterator(options));
  for (it->Seek(from); it->Valid(); it->Next()) {
    const std::string_view key(it->key().data(), it->key().size());
    if (key.size() != from.size() + 16 || !key.starts_with(from)) break;
    const std::string_view tail = key.substr(from.size());
    f({read_big_endian(tail), read_big_endian(tail.substr(8))},
      {it->value().data(), it->value().size()});
  }
  if (!it->status().ok()) throw std::runtime_error("reading local state: " + it->status().ToString());
}

std::string Store::meta(uint64_t task) const {
  std::string out;
  impl_->db->Get({}, meta_key(task), &out);
  return out;
}

Status Store::ingest(std::vector<Write>& writes,
                     const std::vector<std::pair<uint64_t, std::string>>& metas) {
  for (const auto& [task, value] : metas) writes.push_back({meta_key(task), &value});
  if (writes.empty()) return {};
  std::sort(writes.begin(), writes.end(),
            [](const Write& a, const Write& b) { return a.key < b.key; });
  const std::string file =
      impl_->dir + "/incoming/" + std::to_string(impl_->next_file.fetch_add(1)) + ".sst";
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), impl_->options);
  rocksdb::Status status = writer.Open(file);
  for (const Write& w : writes) {
    if (!status.ok()) break;
    status = w.value != nullptr ? writer.Put(w.key, *w.value) : writer.Delete(w.key);
  }
  if (status.ok()) status = writer.Finish();
  if (status.ok()) {
    rocksdb::IngestExternalFileOptions options;
    options.move_files = true;
    options.snapshot_consistency = false;
    status = impl_->db->IngestExternalFile({file}, options);
  }
  if (!status.ok()) {
    std::error_code ignored;
    fs::remove(file, ignored);
    return store_error("writing a checkpoint", status, impl_->dir);
  }
  return {};
}

Status Store::wipe(uint64_t task) {
  std::string from;
  append_big_endian(from, task);
  std::string to;
  append_big_endian(to, task + 1);
  rocksdb::Status status =
      impl_->db->DeleteRange({}, impl_->db->DefaultColumnFamily(), from, to);
  if (status.ok()) status = impl_->db->Flush({});
  if (!status.ok()) return store_error("dropping a task's state", status, impl_->dir);
  return {};
}

uint64_t Store::bytes_on_disk() const {
  uint64_t out = 0;
  impl_->db->GetIntProperty(rocksdb::DB::Properties::kTotalSstFilesSize, &out);
  return out;
}

}  // namespace sujip
