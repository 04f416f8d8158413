// Delimited text: the format's corners, errors with their place, and two properties: the rows don't
// depend on how the stream is cut, and what is written is read back.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <optional>

#include <string>
#include <vector>

#include "producers/files/csv_reader.h"

namespace sujip::feeds {
namespace {

using Table = std::vector<std::vector<std::string>>;

struct Outcome {
  Table rows;
  std::vector<int64_t> lines;
  std::optional<CsvProblem> problem;
};

// Feeds `text` in pieces of the given sizes (the last one as often as needed; 0 = all at once).
Outcome read(std::string_view text, const CsvDialect& dialect = {}, std::vector<size_t> pieces = {},
             size_t columns = 0) {
  Outcome out;
  CsvReader reader(dialect);
  reader.expect_columns(columns);
  const auto take = [&](const CsvRow& row) {
    out.rows.emplace_back(row.cells.begin(), row.cells.end());
    out.lines.push_back(row.line);
    return true;
  };
  bool fine = true;
  size_t piece = 0;
  while (fine && !text.empty()) {
    const size_t wanted = piece < pieces.size() ? pieces[piece++] : text.size();
    const size_t size = std::clamp<size_t>(wanted, 1, text.size());
    // A copy: a view that is used after its block is gone shows under the sanitizers.
    const std::string block(text.substr(0, size));
    text.remove_prefix(size);
    fine = reader.feed(block, take);
  }
  if (fine) reader.finish(take);
  out.problem = reader.problem();
  return out;
}

TEST(Csv, TakesAllLineEnds) {
  const Outcome out = read("a,b\r\n1,2\n3,4\r\n5,6");
  EXPECT_FALSE(out.problem);
  EXPECT_EQ(out.rows, (Table{{"a", "b"}, {"1", "2"}, {"3", "4"}, {"5", "6"}}));
  EXPECT_EQ(out.lines, (std::vector<int64_t>{1, 2, 3, 4}));
}

TEST(Csv, UndoesQuotes) {
  const Outcome out = read("\"a \"\"b\"\"\",\"\",\"x,y\"\n\"line\r\nend\",plain,\"\"\"\"\n");
  EXPECT_EQ(out.rows, (Table{{"a \"b\"", "", "x,y"}, {"line\r\nend", "plain", "\""}}));
}

TEST(Csv, CountsLinesInsideQuotes) {
  const Outcome out = read("\"1\n2\n3\",x\ny,z\n");
  EXPECT_EQ(out.lines, (std::vector<int64_t>{1, 4}));
}

TEST(Csv, BlankLinesAreNoRowsButQuotedEmptyOnesAre) {
  const Outcome out = read("a\n\n\r\n\"\"\nb\n\n");
  EXPECT_EQ(out.rows, (Table{{"a"}, {""}, {"b"}}));
  EXPECT_EQ(out.lines.back(), 5);
}

TEST(Csv, WithoutQuotingAQuoteIsText) {
  CsvDialect dialect;
  dialect.quote.reset();
  dialect.delimiter = '\t';
  EXPECT_EQ(read("27\" monitor\t\"x\n\"\ty\"z\n", dialect).rows, (Table{{"27\" monitor", "\"x"}, {"\"", "y\"z"}}));
}

TEST(Csv, StrayQuotesAreTextOnlyWhereDeclared) {
  CsvDialect dialect;
  const Outcome strict = read("a,27\" monitor\n", dialect);
  ASSERT_TRUE(strict.problem);
  EXPECT_EQ(strict.problem->at.line, 1);
  EXPECT_EQ(strict.problem->at.column, 2);
  EXPECT_EQ(strict.problem->at.character, 5);
  dialect.stray_quotes = true;
  EXPECT_EQ(read("a,27\" monitor\n", dialect).rows, (Table{{"a", "27\" monitor"}}));
}

TEST(Csv, SkipsThePreamble) {
  CsvDialect dialect;
  dialect.preamble = 2;
  const Outcome out = read("\"report, of\nto day\nh1,h2\n1,2\n", dialect);
  EXPECT_EQ(out.rows, (Table{{"h1", "h2"}, {"1", "2"}}));
  EXPECT_EQ(out.lines.front(), 3);
}

TEST(Csv, StripsMarksFromCellEdges) {
  EXPECT_EQ(read("\xEF\xBB\xBF"
                 "a,b\xEF\xBB\xBF\n\xEF\xBB\xBF\"c,d\",e\n")
                .rows,
            (Table{{"a", "b"}, {"c,d", "e"}}));
}

struct Wrong {
  const char* name;
  std::string text;
  int64_t line, column;
  const char* reason;
};

class CsvWrong : public ::testing::TestWithParam<Wrong> {};

TEST_P(CsvWrong, SaysWhere) {
  const Wrong& wrong = GetParam();
  const Outcome out = read(wrong.text, {}, {}, 3);
  ASSERT_TRUE(out.problem);
  EXPECT_EQ(out.problem->at.line, wrong.line);
  EXPECT_EQ(out.problem->at.column, wrong.column);
  EXPECT_NE(out.problem->reason.find(wrong.reason), std::string::npos) << out.problem->reason;
}

INSTANTIATE_TEST_SUITE_P(All, CsvWrong,
                         ::testing::Values(Wrong{"few", "a,b,c\n1,2,3\n4,5\n", 3, 2, "2 columns, the header has 3"},
                                           Wrong{"many", "a,b,c\n1,2,3,4\n", 2, 4, "4 columns"},
                                           Wrong{"behind_quote", "a,b,c\n1,\"2\"x,3\n", 2, 2, "closing quote"},
                                           Wrong{"inside", "a,b,c\n1,2,3\"\n", 2, 3, "bad quote"},
                                           Wrong{"open", "a,b,c\n1,2,3\n1,\"2,3\n4,5,6\n", 3, 2, "never closed"},
                                           Wrong{"nul", std::string("a,b,c\n1,2\0,3\n", 13), 2, 2, "NUL"},
                                           Wrong{"after_line_break", "a,b,c\n1,\"x\ny\"z,3\n", 3, 2, "closing quote"}),
                         [](const auto& wrong) { return std::string(wrong.param.name); });

TEST(Csv, LimitsCellsAndRows) {
  CsvDialect dialect;
  dialect.max_cell_bytes = 10;
  EXPECT_FALSE(read("0123456789,b\n", dialect).problem);
  const Outcome cell = read("a,01234567890\n", dialect);
  ASSERT_TRUE(cell.problem);
  EXPECT_EQ(cell.problem->at.column, 2);
  dialect.max_row_bytes = 20;
  EXPECT_TRUE(read("012345678,012345678,0123\n", dialect).problem);
  // A quote that is never closed must not collect the rest of a large file.
  const std::string endless = "\"" + std::string(100'000, 'x');
  const Outcome cut = read(endless, dialect, std::vector<size_t>(10'000, 10));
  ASSERT_TRUE(cut.problem);
  EXPECT_NE(cut.problem->reason.find("more than 20 bytes"), std::string::npos);
}

// Texts made of the characters that matter, so that most of them are nearly right.
rc::Gen<std::string> csv_like() {
  return rc::gen::container<std::string>(rc::gen::element('a', 'b', ',', ',', '"', '"', '\n', '\r', '\xED', '\0', ' '));
}

TEST(CsvProperty, RowsDoNotDependOnTheCuts) {
  rc::check("same rows, same problem", [] {
    const std::string text = *csv_like();
    const auto pieces = *rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(1, 9));
    const auto columns = *rc::gen::inRange<size_t>(0, 4);
    const Outcome whole = read(text, {}, {}, columns);
    const Outcome cut = read(text, {}, pieces, columns);
    const Outcome bytes = read(text, {}, std::vector<size_t>(text.size(), 1), columns);
    for (const Outcome& other : {cut, bytes}) {
      RC_ASSERT(other.rows == whole.rows);
      RC_ASSERT(other.lines == whole.lines);
      RC_ASSERT(other.problem.has_value() == whole.problem.has_value());
      if (whole.problem) {
        RC_ASSERT(other.problem->at.line == whole.problem->at.line);
        RC_ASSERT(other.problem->at.column == whole.problem->at.column);
      }
    }
  });
}

TEST(CsvProperty, WhatIsWrittenIsReadBack) {
  rc::check("round trip", [] {
    const auto width = *rc::gen::inRange<size_t>(1, 5);
    const auto cell = rc::gen::container<std::string>(rc::gen::element('x', 'y', ',', ';', '"', '\n', '\r', ' '));
    const auto table = *rc::gen::container<Table>(rc::gen::container<std::vector<std::string>>(width, cell));
    CsvDialect dialect;
    dialect.delimiter = *rc::gen::element(',', ';');
    std::string text;
    for (const auto& row : table) {
      const std::vector<std::string_view> views(row.begin(), row.end());
      append_csv_row(text, views, dialect);
    }
    const Outcome out = read(text, dialect, {7, 1, 64, 3}, width);
    RC_ASSERT(!out.problem.has_value());
    RC_ASSERT(out.rows == table);
  });
}

}  // namespace
}  // namespace sujip::feeds
