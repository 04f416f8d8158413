#include "processors/store/store.h"

#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "core/log.h"
#include "processors/store/page.h"

namespace sujip {
namespace {

namespace fs = std::filesystem;

constexpr uint8_t kMetaSpace = 0xff;
// Sorts before every task; the length is given because it begins with a NUL. No key is shorter than a
// prefix: RocksDB's extractor wants to see a whole one.
constexpr std::string_view kIdentityKey{"\0sujip-store-identity", 21};
constexpr int kFormat = 2;  // 1: a value for each row

constexpr size_t kPrefixSize = 8 + 1 + 8;
constexpr size_t kPageKeySize = kPrefixSize + 16;

char* write_big_endian(char* to, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) *to++ = static_cast<char>(value >> shift & 0xff);
  return to;
}

void append_big_endian(std::string& out, uint64_t value) {
  char bytes[8];
  write_big_endian(bytes, value);
  out.append(bytes, sizeof bytes);
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
  out += static_cast<char>(kMetaSpace);
  append_big_endian(out, 0);
  return out;
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

Result<std::unique_ptr<Store>> Store::open(const std::string& dir, const std::string& cluster) {
  std::unique_ptr<Store> self(new Store);
  Impl& impl = *self->impl_;
  impl.dir = dir;
  std::error_code error;
  fs::create_directories(dir + "/incoming", error);
  if (error) return Error{"creating the folder: " + error.message(), dir, "check SUJIP_HOME"};
  for (const auto& leftover : fs::directory_iterator(dir + "/incoming")) fs::remove(leftover.path(), error);

  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;  // a page is kept where it is used
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  // Index and filter of every file stay in memory (about 1 % of the data): through the cache, a lookup
  // costs ten times as much when they do not fit.
  table.cache_index_and_filter_blocks = false;
  table.checksum = rocksdb::kXXH3;  // fast also in a portable build, which has CRC32c in software
  // Only whole prefixes are asked for, and of many there is nothing: the filter says so without a read.
  table.whole_key_filtering = false;
  impl.options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(kPrefixSize));
  impl.options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  impl.options.create_if_missing = true;
  // What was just written is soon written again; below, rows stay.
  impl.options.compression_per_level = {rocksdb::kNoCompression, rocksdb::kNoCompression, rocksdb::kLZ4Compression};
  impl.options.max_background_jobs = 2;
  impl.options.info_log_level = rocksdb::WARN_LEVEL;
  impl.options.keep_log_file_num = 2;
  // Each checkpoint is spread over all keys, so a merge of the first level rewrites the whole second one:
  // many at a time, and one level up to a size at which the next one is worth it. Their filters are in
  // memory, so that reading costs little more.
  impl.options.level0_file_num_compaction_trigger = 16;
  impl.options.level0_slowdown_writes_trigger = 48;
  impl.options.level0_stop_writes_trigger = 64;
  impl.options.max_bytes_for_level_base = 1ULL << 30;

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
    return open(dir, cluster);
  }
  if (!status.ok()) {
    status = impl.db->Put({}, rocksdb::Slice(kIdentityKey.data(), kIdentityKey.size()), identity);
    if (!status.ok()) return store_error("writing the state's identity", status, path);
    impl.db->Flush({});
  }
  return self;
}

struct Store::View::Impl {
  rocksdb::DB& db;
  rocksdb::ReadOptions options;
  rocksdb::PinnableSlice first;
  std::unique_ptr<rocksdb::Iterator> it;  // made when a block has more than one page

  explicit Impl(rocksdb::DB& d) : db(d) { options.prefix_same_as_start = true; }
};

Store::View::View(const Store& store) : impl_(std::make_unique<Impl>(*store.impl_->db)) {}

Store::View::~View() = default;
Store::View::View(View&&) noexcept = default;
Store::View& Store::View::operator=(View&&) noexcept = default;

void Store::View::scan(uint64_t task, uint8_t space, uint64_t prefix,
                       const std::function<void(const KeyHash&, std::string_view)>& f) {
  Impl& i = *impl_;
  const auto check = [](const rocksdb::Status& status) {
    if (!status.ok()) throw std::runtime_error("reading local state: " + status.ToString());
  };
  const std::string from = prefix_key(task, space, prefix);
  std::string at = from + std::string(16, '\0');
  // A block's first page is where it must be. A search would look at it in every file that has an older one, too.
  i.first.Reset();
  const rocksdb::Status found = i.db.Get(i.options, i.db.DefaultColumnFamily(), at, &i.first);
  if (found.IsNotFound()) return;
  check(found);
  const std::string_view first(i.first.data(), i.first.size());
  f({}, first);
  if (!Page::says_more(first)) return;
  if (!i.it) i.it.reset(i.db.NewIterator(i.options));
  rocksdb::Iterator& it = *i.it;
  at.back() = 1;
  for (it.Seek(at); it.Valid(); it.Next()) {
    const std::string_view key(it.key().data(), it.key().size());
    if (key.size() != at.size() || !key.starts_with(from)) break;
    const std::string_view tail = key.substr(from.size());
    f({read_big_endian(tail), read_big_endian(tail.substr(8))}, {it.value().data(), it.value().size()});
  }
  check(it.status());
}

std::string Store::meta(uint64_t task) const {
  std::string out;
  impl_->db->Get({}, meta_key(task), &out);
  return out;
}

struct Store::Checkpoint::Impl {
  Store::Impl& store;
  std::string file;
  rocksdb::SstFileWriter writer;
  rocksdb::Status status;
  std::string key;
  bool any = false;

  explicit Impl(Store::Impl& s)
      : store(s),
        file(s.dir + "/incoming/" + std::to_string(s.next_file.fetch_add(1)) + ".sst"),
        // Not out of the page cache: it is soon read again.
        writer(rocksdb::EnvOptions(), uncompressed(s.options), nullptr, false) {}

  // By itself the writer takes the compression of the last level, for a file that goes into the first.
  static rocksdb::Options uncompressed(rocksdb::Options options) {
    options.compression_per_level.clear();
    options.compression = rocksdb::kNoCompression;
    return options;
  }

  void open() {
    if (any) return;
    any = true;
    status = writer.Open(file);
  }
};

Store::Checkpoint::Checkpoint(Store& store) : impl_(std::make_unique<Impl>(*store.impl_)) {}

Store::Checkpoint::~Checkpoint() {
  std::error_code ignored;
  if (impl_->any) fs::remove(impl_->file, ignored);
}

void Store::Checkpoint::page(uint64_t task, uint8_t space, uint64_t prefix, const KeyHash& start,
                             std::optional<std::string_view> value) {
  Impl& i = *impl_;
  i.open();
  if (!i.status.ok()) return;
  char bytes[kPageKeySize];
  char* at = write_big_endian(bytes, task);
  *at++ = static_cast<char>(space);
  at = write_big_endian(at, prefix);
  at = write_big_endian(at, start.high);
  write_big_endian(at, start.low);
  const rocksdb::Slice whole(bytes, sizeof bytes);
  i.status = value ? i.writer.Put(whole, rocksdb::Slice(value->data(), value->size())) : i.writer.Delete(whole);
}

void Store::Checkpoint::meta(uint64_t task, std::string_view value) {
  Impl& i = *impl_;
  i.open();
  if (i.status.ok()) i.status = i.writer.Put(meta_key(task), rocksdb::Slice(value.data(), value.size()));
}

Status Store::Checkpoint::ingest() {
  Impl& i = *impl_;
  if (!i.any) return {};
  if (i.status.ok()) i.status = i.writer.Finish();
  if (i.status.ok()) {
    rocksdb::IngestExternalFileOptions options;
    options.move_files = true;
    options.snapshot_consistency = false;
    i.status = i.store.db->IngestExternalFile({i.file}, options);
  }
  if (!i.status.ok()) return store_error("writing a checkpoint", i.status, i.store.dir);
  return {};
}

Status Store::wipe(uint64_t task) {
  std::string from;
  append_big_endian(from, task);
  std::string to;
  append_big_endian(to, task + 1);
  rocksdb::Status status = impl_->db->DeleteRange({}, impl_->db->DefaultColumnFamily(), from, to);
  if (status.ok()) status = impl_->db->Flush({});
  if (!status.ok()) return store_error("dropping a task's state", status, impl_->dir);
  return {};
}

uint64_t Store::bytes_on_disk() const {
  uint64_t out = 0;
  impl_->db->GetIntProperty(rocksdb::DB::Properties::kTotalSstFilesSize, &out);
  return out;
}

uint64_t Store::pages_on_disk() const {
  uint64_t out = 0;
  impl_->db->GetIntProperty(rocksdb::DB::Properties::kEstimateNumKeys, &out);
  return out;
}

}  // namespace sujip
