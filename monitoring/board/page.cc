#include "monitoring/board/page.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/http/server.h"
#include "monitoring/board/format.h"
#include "monitoring/board/matrix.h"
#include "monitoring/state.h"

namespace sujip::board {
namespace {

using monitoring::BoardData;
using monitoring::Source;

std::string w(const View& view, std::string_view id) { return escape(word(view.language, id)); }

std::string head_row(const View& view, std::initializer_list<std::string_view> ids) {
  std::string out = "<thead><tr>";
  for (const std::string_view id : ids) {
    const bool numeric = id == "rows" || id == "would_delete" || id == "would_zero" || id == "accounts" ||
                         id == "offset" || id == "partition";
    out += fmt::format("<th scope=\"col\"{}>{}</th>", numeric ? " class=\"n\"" : "", w(view, id));
  }
  return out + "</tr></thead>";
}

std::string link(const View& view, std::string_view source, std::string_view before, bool only_problems) {
  std::string out = "/?lang=" + std::string(code_of(view.language));
  if (!source.empty()) out += "&amp;source=" + http::percent_encode(source);
  if (!before.empty()) out += "&amp;before=" + http::percent_encode(before);
  if (only_problems) out += "&amp;only=problems";
  return out;
}

// The share of each state, so that one bad slice of a thousand doesn't paint everything red.
std::string bar(const View& view, const Source& source) {
  if (source.slices == 0) return "";
  std::string segments, text;
  int64_t at = 0;
  for (const auto& state : monitoring::kStates) {
    const auto it = source.states.find(state.code);
    if (it == source.states.end() || it->second == 0) continue;
    // Wide enough to be seen, whatever its share.
    const int64_t width = std::max<int64_t>(it->second * 1000 / source.slices, 12);
    segments += fmt::format("<rect class=\"f-{}\" x=\"{}\" width=\"{}\" height=\"10\"/>", state.code, at, width);
    at += width;
    text += fmt::format(
        "{}<span class=\"chip s-{}\"><span aria-hidden=\"true\">{}</span> {} "
        "<b>{}</b></span>",
        text.empty() ? "" : " ", state.code, state.glyph, w(view, fmt::format("state.{}", state.code)),
        number(it->second));
  }
  return fmt::format(
      "<svg class=\"bar\" viewBox=\"0 0 {} 10\" preserveAspectRatio=\"none\" "
      "aria-hidden=\"true\">{}</svg><div class=\"chips\">{}</div>",
      at, segments, text);
}

std::string sources_html(const BoardData& data, const View& view) {
  std::string out = fmt::format("<section class=\"card\" id=\"sources\"><h2>{}</h2>", w(view, "sources"));
  if (data.sources.empty())
    return out + fmt::format("<p>{}</p><p class=\"dim\">{}</p></section>", w(view, "none"), w(view, "none_hint"));
  out +=
      fmt::format("<div class=\"scroll\"><table class=\"list\"><caption class=\"vh\">{}</caption>", w(view, "sources"));
  out += head_row(view, {"source", "state", "slices", "accounts", "rows", "complete_through", "last_success"});
  out += "<tbody>";
  for (const Source& s : data.sources) {
    const std::string accounts =
        s.accounts_expected == 0 ? "–" : fmt::format("{}/{}", s.accounts_collected, s.accounts_expected);
    out += fmt::format(
        "<tr><th scope=\"row\"><a href=\"{}\">{}</a></th><td>{}</td><td class=\"wide\">{}</td>"
        "<td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"t\">{}</td><td class=\"t\">{}</td></tr>",
        link(view, s.name, "", false), escape(s.name), state_html(s.state(), view.language), bar(view, s), accounts,
        number(s.rows), s.complete_through ? day_text(view.language, *s.complete_through) : "–",
        time_text(view.language, s.last_success));
  }
  return out + "</tbody></table></div></section>";
}

std::string held_html(const BoardData& data, const View& view) {
  if (data.held.empty()) return "";
  std::string out = fmt::format(
      "<section class=\"card alert\" id=\"held\"><h2><span aria-hidden=\"true\">‖</span> {} "
      "<span class=\"count\">{}</span></h2><p>{}</p><div class=\"scroll\"><table class=\"list\">"
      "<caption class=\"vh\">{}</caption>",
      w(view, "held_runs"), data.held.size(), w(view, "held_help"), w(view, "held_runs"));
  out += head_row(view, {"source", "section", "snapshot", "rows", "would_delete", "would_zero", "why", "what_to_do"});
  out += "<tbody>";
  for (const auto& h : data.held) {
    // Without --run the command takes the held run, when there is but one.
    const auto of_scope =
        std::count_if(data.held.begin(), data.held.end(), [&](const auto& other) { return other.scope == h.scope; });
    const std::string subject = escape(shell_quote(h.scope) + (of_scope > 1 ? " --run " + h.run : ""));
    out += fmt::format(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"t\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"cmd\">"
        "<span>{}</span> <code>sujip scope release {}</code><br><span>{}</span> "
        "<code>sujip scope reject {}</code></td></tr>",
        escape(h.source), escape(h.slice), time_text(view.language, h.snapshot_at), number(h.rows), number(h.deleted),
        number(h.zeroed), escape(h.reason), w(view, "release"), subject, w(view, "reject"), subject);
  }
  return out + "</tbody></table></div></section>";
}

std::string problems_html(const BoardData& data, const View& view) {
  if (data.problems.empty()) return "";
  std::string out = fmt::format(
      "<section class=\"card alert\" id=\"problems\"><h2><span aria-hidden=\"true\">!</span> {} "
      "<span class=\"count\">{}</span></h2><div class=\"scroll\"><table class=\"list\">"
      "<caption class=\"vh\">{}</caption>",
      w(view, "problems"), number(data.problem_count), w(view, "problems"));
  out += head_row(view, {"time", "source", "where", "message", "what_to_do"});
  out += "<tbody>";
  for (const auto& p : data.problems)
    out += fmt::format(
        "<tr><td class=\"t\">{}</td><th scope=\"row\">{}</th><td class=\"break\">{}</td>"
        "<td class=\"break\">{}</td><td class=\"break\">{}</td></tr>",
        time_text(view.language, p.at), escape(p.source), escape(p.file.empty() ? p.scope : p.file), escape(p.message),
        escape(p.hint));
  out += "</tbody></table></div>";
  if (data.problem_count > static_cast<int64_t>(data.problems.size()))
    out += fmt::format("<p class=\"dim\">{}</p>", w(view, "more_problems"));
  return out + "</section>";
}

std::string dead_html(const BoardData& data, const View& view) {
  const int64_t count = data.dead_letter_count();
  if (count == 0)
    return fmt::format(
        "<section class=\"card quiet\" id=\"dead\"><h2>{}</h2><p class=\"dim\">{}</p>"
        "</section>",
        w(view, "dead"), w(view, "dead_none"));
  std::string out = fmt::format(
      "<section class=\"card alert\" id=\"dead\"><h2>{} <span class=\"count\">{}"
      "</span></h2><p>{}</p><div class=\"scroll\"><table class=\"list\">"
      "<caption class=\"vh\">{}</caption>",
      w(view, "dead"), number(count), w(view, "dead_help"), w(view, "dead"));
  out += head_row(view, {"time", "topic", "partition", "offset", "dataset", "why"});
  out += "<tbody>";
  for (const auto& d : data.newest_dead)
    out += fmt::format(
        "<tr><td class=\"t\">{}</td><th scope=\"row\">{}</th><td class=\"n\">{}</td>"
        "<td class=\"n\">{}</td><td>{}</td><td class=\"break\">{}</td></tr>",
        time_text(view.language, d.at), escape(d.topic), d.partition, d.offset, escape(d.dataset), escape(d.reason));
  return out + "</tbody></table></div></section>";
}

// Month above, day and weekday below; the whole date for those who can't see it.
std::string column_heads(const Matrix& matrix, const View& view) {
  std::string months = "<tr><td></td>", days = "<tr><td></td>";
  for (size_t i = 0; i < matrix.columns.size();) {
    const std::string month = matrix.columns[i].substr(0, 7);
    size_t n = 0;
    while (i + n < matrix.columns.size() && matrix.columns[i + n].starts_with(month)) ++n;
    months += fmt::format("<th class=\"month\" scope=\"colgroup\" colspan=\"{}\">{}</th>", n,
                          n > 1 ? month : month.substr(2));
    i += n;
  }
  for (const std::string& column : matrix.columns) {
    const auto day = Day::parse(std::string_view(column).substr(0, 10));
    if (!day) {
      days += fmt::format("<th scope=\"col\">{}</th>", escape(column));
      continue;
    }
    const std::string weekday(word(view.language, "weekday." + std::to_string(day->iso_weekday())));
    days += fmt::format(
        "<th scope=\"col\" class=\"day{}\" title=\"{}{}\"><span>{}</span><small>{}"
        "</small></th>",
        day->iso_weekday() >= 6 ? " off" : "", day_text(view.language, *day), escape(column.substr(10)),
        column.substr(8, 2), view.language == Language::ko ? weekday : weekday.substr(0, 2));
  }
  return "<thead>" + months + "</tr>" + days + "</tr></thead>";
}

std::string cell_html(const Cell& cell, const MatrixRow& row, const std::string& source, const std::string& column,
                      const View& view) {
  if (cell.slices.empty()) return "<td class=\"gap\"></td>";
  const auto& first = *cell.slices.front();
  int64_t rows = 0;
  for (const auto* s : cell.slices) rows += s->rows;
  const auto day = Day::parse(std::string_view(column).substr(0, 10));
  const std::string label = fmt::format(
      "{}{}, {}{}, {}, {} {}", day ? day_text(view.language, *day) : column,
      column.size() > 10 ? column.substr(10) : "", row.account, row.section.empty() ? "" : " " + row.section,
      word(view.language, "state." + std::string(cell.state)), number(rows), word(view.language, "rows"));
  std::string href = fmt::format("/cell?source={}&amp;account={}&amp;slice={}", http::percent_encode(source),
                                 http::percent_encode(row.account), http::percent_encode(first.slice));
  if (first.kind == "snapshot") href += "&amp;run=" + http::percent_encode(first.run);
  href += "&amp;lang=" + std::string(code_of(view.language));
  return fmt::format(
      "<td class=\"c s-{}\"><a href=\"{}\" title=\"{}\"><span aria-hidden=\"true\">{}"
      "</span><span class=\"vh\">{}</span></a></td>",
      cell.state, href, escape(label), monitoring::state_of(cell.state).glyph, escape(label));
}

std::string matrix_html(const BoardData& data, const Source& source, const View& view) {
  const bool chosen = view.source == source.name;
  const Matrix matrix = arrange(data, source.name, chosen ? view.before : "");
  const std::string_view kind = source.kind == "daily" ? "matrix_daily" : "matrix_snapshot";
  std::string out = fmt::format("<section class=\"card\" id=\"m-{}\"><h2>{} <small>{}</small></h2>",
                                escape(http::percent_encode(source.name)), escape(source.name), w(view, kind));
  if (matrix.columns.empty()) return out + fmt::format("<p class=\"dim\">{}</p></section>", w(view, "no_slices"));
  out += "<nav class=\"pages\">";
  if (matrix.has_older)
    out += fmt::format("<a href=\"{}\">{}</a>", link(view, source.name, matrix.columns.front(), view.only_problems),
                       w(view, "older"));
  if (matrix.has_newer)
    out += fmt::format("<a href=\"{}\">{}</a>", link(view, source.name, "", view.only_problems), w(view, "newest"));
  out += fmt::format("<a href=\"{}\">{}</a>", link(view, source.name, chosen ? view.before : "", !view.only_problems),
                     w(view, view.only_problems ? "show_all" : "only_problems"));
  out += "</nav>";
  std::string body;
  for (const MatrixRow& row : matrix.rows) {
    if (view.only_problems && !row.has_problem) continue;
    body += fmt::format("<tr><th scope=\"row\">{}</th>", escape(row.section.empty() ? row.account : row.section));
    for (size_t i = 0; i < row.cells.size(); ++i)
      body += cell_html(row.cells[i], row, source.name, matrix.columns[i], view);
    body += "</tr>";
  }
  if (body.empty()) return out + fmt::format("<p class=\"dim\">{}</p></section>", w(view, "no_rows"));
  return out + fmt::format(
                   "<div class=\"scroll\"><table class=\"matrix\"><caption class=\"vh\">{} {}"
                   "</caption>{}<tbody>{}</tbody></table></div></section>",
                   escape(source.name), w(view, kind), column_heads(matrix, view), body);
}

std::string legend_html(const View& view) {
  std::string out = fmt::format("<p class=\"legend\"><span class=\"dim\">{}</span> ", w(view, "legend"));
  for (const auto& state : monitoring::kStates)
    out += fmt::format("<span class=\"s-{}\"><span class=\"mark\" aria-hidden=\"true\">{}</span> {}</span> ",
                       state.code, state.glyph, w(view, fmt::format("state.{}", state.code)));
  return out + "</p>";
}

}  // namespace

std::string state_html(std::string_view state, Language language) {
  return fmt::format(
      "<span class=\"state s-{}\"><span class=\"mark\" aria-hidden=\"true\">{}</span> {}"
      "</span>",
      state, monitoring::state_of(state).glyph, escape(word(language, "state." + std::string(state))));
}

std::string verdict(const BoardData& data, Language language) {
  const bool ko = language == Language::ko;
  const std::string clock = clock_text(data.at);
  if (data.sources.empty())
    return ko ? fmt::format("{} 기준 - 등록된 출처가 없습니다", clock)
              : fmt::format("As of {} - no source is registered", clock);
  size_t complete = 0, attention = 0;
  std::string names;
  for (const Source& s : data.sources) {
    if (s.is_complete()) ++complete;
    if (!s.needs_attention()) continue;
    ++attention;
    std::string details;
    const auto add = [&](int64_t n, std::string_view id) {
      if (n == 0) return;
      details += fmt::format("{}{} {}", details.empty() ? "" : ", ", ko ? std::string(word(language, id)) : number(n),
                             ko ? number(n) : std::string(word(language, id)));
    };
    for (const std::string_view code : {"held", "missing", "failed"}) {
      const auto it = s.states.find(code);
      if (it != s.states.end()) add(it->second, "state." + std::string(code));
    }
    if (details.empty()) add(s.problems, "state.failed");
    names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", s.name, details);
  }
  const size_t under_way = data.sources.size() - complete - attention;
  std::string out = ko ? fmt::format("{} 기준 - {}개 출처 중 {}개 수집 완료", clock, data.sources.size(), complete)
                       : fmt::format("As of {} - {} of {} sources complete", clock, complete, data.sources.size());
  if (under_way > 0) out += ko ? fmt::format(", {}개 진행 중", under_way) : fmt::format(", {} under way", under_way);
  if (attention > 0)
    out += ko ? fmt::format(", {}개 확인 필요: {}", attention, names)
              : fmt::format(", {} need{} attention: {}", attention, attention == 1 ? "s" : "", names);
  return out;
}

std::string board_main(const BoardData& data, const View& view) {
  std::string tone = "well";
  for (const Source& s : data.sources)
    if (s.needs_attention()) tone = "bad";
  std::string out = fmt::format(
      "<p id=\"verdict\" class=\"verdict {}\" role=\"status\" "
      "aria-live=\"polite\">{}</p>",
      tone, escape(verdict(data, view.language)));
  if (view.stale) out += fmt::format("<p class=\"stale\">{}</p>", w(view, "stale"));
  if (view.source.empty()) {
    out += held_html(data, view) + sources_html(data, view) + problems_html(data, view);
    out += legend_html(view);
    for (const Source& s : data.sources) out += matrix_html(data, s, view);
    out += dead_html(data, view);
  } else {
    out += fmt::format("<p><a href=\"{}\">{}</a></p>", link(view, "", "", false), w(view, "all_sources"));
    out += legend_html(view);
    const Source* source = data.source(view.source);
    if (source != nullptr)
      out += matrix_html(data, *source, view);
    else
      out += fmt::format("<p class=\"dim\">{}</p>", w(view, "not_found"));
  }
  return out;
}

std::string document(const View& view, const std::string& title, const std::string& body) {
  const std::string other = view.language == Language::ko ? "en" : "ko";
  std::string here = "/?lang=" + other;
  if (!view.source.empty()) here += "&amp;source=" + http::percent_encode(view.source);
  if (!view.before.empty()) here += "&amp;before=" + http::percent_encode(view.before);
  return fmt::format(
      "<!doctype html>\n<html lang=\"{0}\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{1}</title>\n<link rel=\"icon\" href=\"/static/icon.svg\" type=\"image/svg+xml\">\n"
      "<link rel=\"stylesheet\" href=\"/static/board.css\">\n"
      "<script src=\"/static/board.js\" defer></script>\n</head>\n"
      "<body data-live=\"{2}\" data-offline=\"{3}\" data-close=\"{4}\">\n"
      "<a class=\"vh\" href=\"#main\">{5}</a>\n<header><a class=\"brand\" href=\"/?lang={0}\">"
      "<span class=\"logo\" aria-hidden=\"true\"></span>sujip <small>{6}</small></a>"
      "<span id=\"live\" class=\"dim\"></span><a class=\"lang\" lang=\"{7}\" hreflang=\"{7}\" "
      "href=\"{8}\">{9}</a></header>\n<main id=\"main\">{10}</main>\n"
      "<footer class=\"dim\">{11} <noscript>{12}</noscript></footer>\n"
      "<aside id=\"panel\" hidden></aside>\n</body>\n</html>\n",
      code_of(view.language), escape(title), w(view, "live"), w(view, "offline"), w(view, "close"), w(view, "skip"),
      w(view, "title"), other, here, other == "en" ? "English" : "한국어", body, w(view, "zone"), w(view, "no_script"));
}

std::string board_page(const BoardData& data, const View& view) {
  return document(view, verdict(data, view.language), board_main(data, view));
}

std::string message_page(const View& view, std::string_view word_id) {
  return document(view, std::string(word(view.language, "title")),
                  fmt::format("<p class=\"stale\">{}</p>", w(view, word_id)));
}

std::string cell_page(const monitoring::SliceLog& log, const std::vector<const monitoring::Slice*>& slices,
                      const View& view, const std::string& title, bool panel_only) {
  const std::string body = fmt::format("<h2>{}</h2>{}", escape(title), slice_log_html(log, slices, view.language));
  if (panel_only) return body;
  return document(view, title,
                  fmt::format("<p><a href=\"{}\">{}</a></p><section class=\"card\">{}</section>",
                              link(view, "", "", false), w(view, "back"), body));
}

}  // namespace sujip::board
