#include "producers/files/file_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "producers/files/row_collector.h"

namespace sujip::feeds {
namespace {

Error system_error(std::string_view doing, const std::string& path) {
  return Error{fmt::format("{}: {}", doing, std::strerror(errno)), path, ""};
}

class InputFile {
 public:
  static Result<InputFile> open(const std::string& path) {
    InputFile file(path, ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.fd_ < 0) return system_error("opening the file", path);
    struct stat status {};
    if (::fstat(file.fd_, &status) != 0) return system_error("looking at the file", path);
    if (!S_ISREG(status.st_mode)) return Error{"not a regular file", path, ""};
    file.size_ = static_cast<size_t>(status.st_size);
    return file;
  }
  InputFile(InputFile&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  size_t size() const { return size_; }

  // Bytes read; 0 at the end.
  Result<size_t> read(char* to, size_t most) {
    for (;;) {
      const ssize_t got = ::read(fd_, to, most);
      if (got >= 0) return static_cast<size_t>(got);
      if (errno != EINTR) return system_error("reading the file", path_);
    }
  }

  // Up to `most` bytes into `out`, fewer only at the end.
  Status fill(std::string& out, size_t most) {
    out.resize(most);
    size_t have = 0;
    while (have < most) {
      SUJIP_TRY(const size_t got, read(out.data() + have, most - have));
      if (got == 0) break;
      have += got;
    }
    out.resize(have);
    return {};
  }

 private:
  InputFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string path_;
  int fd_;
  size_t size_ = 0;
};

std::string hex(XXH128_hash_t hash) { return fmt::format("{:016x}{:016x}", hash.high64, hash.low64); }

class Hasher {
 public:
  Hasher() : state_(XXH3_createState(), XXH3_freeState) { XXH3_128bits_reset(state_.get()); }
  void add(std::string_view bytes) { XXH3_128bits_update(state_.get(), bytes.data(), bytes.size()); }
  std::string str() const { return hex(XXH3_128bits_digest(state_.get())); }

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

std::string_view magic_of(std::string_view head) {
  if (head.starts_with("PK\x03\x04")) return "a zip archive or an Excel workbook (.xlsx)";
  if (head.starts_with("\xD0\xCF\x11\xE0")) return "an old Excel workbook (.xls)";
  if (head.starts_with("\x1F\x8B")) return "compressed by gzip";
  if (head.starts_with("\x28\xB5\x2F\xFD")) return "compressed by zstd";
  if (head.starts_with("%PDF")) return "a PDF document";
  const size_t text = head.find_first_not_of(" \t\r\n");
  if (text != std::string_view::npos && head[text] == '<') return "HTML or XML";
  return {};
}

// Refuses what is no text, and decides the charset from the first bytes; nullopt: look at all of it.
struct Opening {
  std::optional<Refusal> refusal;
  std::optional<Charset> charset;
  size_t skip = 0;  // bytes of the mark
};

Opening open_text(const FileConnector& connector, const std::string& name, std::string_view head) {
  Opening out;
  if (const std::string_view magic = magic_of(head); !magic.empty()) {
    out.refusal = Refusal{name, 1, 1, fmt::format("the file is {}, not delimited text", magic),
                          "was a log-in page or a workbook saved under this name?"};
    return out;
  }
  if (const auto mark = find_byte_order_mark(head)) {
    if (mark->charset == Charset::utf32) {
      out.refusal = Refusal{name, 1, 1, "the file is UTF-32", "save it as UTF-8"};
    }
    out.charset = mark->charset;
    out.skip = mark->bytes;
    return out;
  }
  switch (connector.encoding) {
    case Encoding::utf8:
      out.charset = Charset::utf8;
      break;
    case Encoding::cp949:
      out.charset = Charset::cp949;
      break;
    case Encoding::utf16le:
      out.charset = Charset::utf16le;
      break;
    case Encoding::utf16be:
      out.charset = Charset::utf16be;
      break;
    case Encoding::automatic:
      break;
  }
  return out;
}

Result<Charset> guess_charset(const std::string& path) {
  SUJIP_TRY(auto file, InputFile::open(path));
  Decoder decoder(Charset::utf8);
  std::string block, text;
  for (;;) {
    SUJIP_CHECK_OK(file.fill(block, kBlockBytes));
    text.clear();
    if (!decoder.decode(block, block.empty(), text)) return Charset::cp949;
    if (block.empty()) return Charset::utf8;
  }
}

}  // namespace

void Records::clear() {
  keys_.clear();
  values_.clear();
  ends_.clear();
}

std::string_view Records::key(size_t i) const {
  const size_t begin = i == 0 ? 0 : ends_[i - 1].key;
  return std::string_view(keys_).substr(begin, ends_[i].key - begin);
}

std::string_view Records::value(size_t i) const {
  const size_t begin = i == 0 ? 0 : ends_[i - 1].value;
  return std::string_view(values_).substr(begin, ends_[i].value - begin);
}

Result<std::string> content_hash_of(const std::string& path) {
  SUJIP_TRY(auto file, InputFile::open(path));
  Hasher hasher;
  std::string block;
  for (;;) {
    SUJIP_CHECK_OK(file.fill(block, kBlockBytes));
    if (block.empty()) return hasher.str();
    hasher.add(block);
  }
}

std::optional<Trouble> FileReader::check(const std::string& path, const std::string& name) {
  records_.clear();
  kept_ = false;
  auto file = InputFile::open(path);
  if (!file) return file.error();
  if (file->size() <= kKeepBytes) return read_whole(path, name, file->size());
  return stream(path, name, OnRecord{}, 0);
}

std::optional<Trouble> FileReader::read_whole(const std::string& path, const std::string& name, size_t size) {
  facts_ = {};
  auto file = InputFile::open(path);
  if (!file) return file.error();
  // One byte more than it should have: a file that is growing is left to the next time.
  if (const Status read = file->fill(bytes_, size + 1); !read.ok()) return read.error();
  if (bytes_.size() > size) return Error{"the file is still being written", path, "try again"};
  facts_.content_hash = hex(XXH3_128bits(bytes_.data(), bytes_.size()));
  facts_.bytes = static_cast<int64_t>(bytes_.size());

  const Opening opening = open_text(connector_, name, bytes_);
  if (opening.refusal) return *opening.refusal;
  const std::string_view body = std::string_view(bytes_).substr(opening.skip);
  RowCollector rows(connector_, name, facts_);
  rows.keep_in(records_);

  bool fine = true;
  size_t good = 0;  // of UTF-8
  if (opening.charset.value_or(Charset::utf8) == Charset::utf8) good = valid_utf8_prefix(body);
  facts_.charset = opening.charset.value_or(good == body.size() ? Charset::utf8 : Charset::cp949);
  if (facts_.charset == Charset::utf8) {
    fine = rows.feed(body.substr(0, good));
    if (fine && good < body.size()) {
      Decoder decoder(Charset::utf8);  // for the words of the message
      text_.clear();
      decoder.decode(body.substr(good), true, text_);
      rows.bad_byte(decoder.problem());
      fine = false;
    }
  } else {
    Decoder decoder(facts_.charset);
    text_.clear();
    const bool decoded = decoder.decode(body, true, text_);
    fine = rows.feed(text_);
    if (fine && !decoded) {
      rows.bad_byte(decoder.problem());
      fine = false;
    }
  }
  if (fine) fine = rows.finish();
  if (rows.refusal()) return *rows.refusal();
  kept_ = fine;
  return std::nullopt;
}

std::optional<Trouble> FileReader::stream(const std::string& path, const std::string& name, const OnRecord& on_record,
                                          int64_t limit) {
  facts_ = {};
  auto file = InputFile::open(path);
  if (!file) return file.error();
  Hasher hasher;
  RowCollector rows(connector_, name, facts_);
  rows.hand_to(on_record, limit);
  std::optional<Decoder> decoder;
  std::string_view block;
  do {
    if (const Status read = file->fill(bytes_, kBlockBytes); !read.ok()) return read.error();
    block = bytes_;
    hasher.add(block);
    facts_.bytes += static_cast<int64_t>(block.size());
    if (!decoder) {
      const Opening opening = open_text(connector_, name, block);
      if (opening.refusal) return *opening.refusal;
      block.remove_prefix(opening.skip);
      if (opening.charset) {
        facts_.charset = *opening.charset;
      } else {
        auto guessed = guess_charset(path);
        if (!guessed) return guessed.error();
        facts_.charset = *guessed;
      }
      decoder.emplace(facts_.charset);
    }
    const bool last = bytes_.size() < kBlockBytes;
    text_.clear();
    const bool decoded = decoder->decode(block, last, text_);
    if (!rows.feed(text_)) break;
    if (!decoded) rows.bad_byte(decoder->problem());
    if (rows.refusal()) break;
    if (last && !rows.finish()) break;
  } while (bytes_.size() == kBlockBytes);
  if (rows.refusal()) return *rows.refusal();
  facts_.content_hash = hasher.str();
  return std::nullopt;
}

}  // namespace sujip::feeds
