// The log of one slice: what a person sees after clicking a cell.
#include <fmt/format.h>

#include "monitoring/board/format.h"
#include "monitoring/board/page.h"
#include "monitoring/state.h"

namespace sujip::board {
namespace {

using monitoring::RunLine;
using monitoring::Slice;
using monitoring::StageLine;

struct Writer {
  Language language;
  std::string w(std::string_view id) const { return escape(word(language, id)); }

  std::string heads(std::initializer_list<std::string_view> ids, size_t first_numeric, size_t last_numeric) const {
    std::string out = "<thead><tr>";
    size_t i = 0;
    for (const std::string_view id : ids) {
      const bool numeric = i >= first_numeric && i <= last_numeric;
      out += fmt::format("<th scope=\"col\"{}>{}</th>", numeric ? " class=\"n\"" : "", w(id));
      ++i;
    }
    return out + "</tr></thead>";
  }

  std::string slices(const std::vector<const Slice*>& list) const {
    std::string out = "<ul class=\"slices\">";
    for (const Slice* s : list) {
      out += fmt::format("<li><b>{}</b> {} <span class=\"n\">{} {}</span>", escape(s->dataset),
                         state_html(s->state, language), number(s->rows), w("rows"));
      if (s->restatements > 0) out += fmt::format(" · {} {}", w("restated_rows"), number(s->restated_rows));
      if (!s->reason.empty()) out += fmt::format("<br><span class=\"dim\">{}</span>", escape(s->reason));
      out += "</li>";
    }
    return out + "</ul>";
  }

  std::string run(const RunLine& r) const {
    std::string verdict_text = w("verdict." + r.verdict);
    if (!r.by.empty() && r.by != "coordinator") verdict_text += " (" + escape(r.by) + ")";
    std::string out = fmt::format("<tr><td>{}</td><td class=\"t\">{}</td><td>{}</td>", escape(r.dataset),
                                  time_text(language, r.snapshot_at), state_html(r.state, language));
    for (const int64_t n : {r.rows, r.created, r.updated, r.minor, r.deleted, r.same, r.duplicates, r.rejected})
      out += fmt::format("<td class=\"n\">{}</td>", number(n));
    out += fmt::format("<td>{}{}{}<br><small class=\"dim\">{}</small></td></tr>", verdict_text,
                       r.reason.empty() ? "" : ": ", escape(r.reason), escape(r.run));
    if (r.state == "held") {
      const std::string subject = escape(shell_quote(r.scope) + " --run " + r.run);
      out += fmt::format(
          "<tr><td colspan=\"12\" class=\"cmd\">{} <code>sujip scope release {}</code><br>"
          "{} <code>sujip scope reject {}</code></td></tr>",
          w("release"), subject, w("reject"), subject);
    }
    return out;
  }

  std::string stage(const StageLine& s) const {
    std::string text = escape(s.message);
    if (!s.hint.empty())
      text += fmt::format("{}<b>{}</b> {}", text.empty() ? "" : "<br>", w("what_to_do"), escape(s.hint));
    if (!s.file.empty())
      text += fmt::format("{}<small class=\"dim\">{}</small>", text.empty() ? "" : "<br>", escape(s.file));
    const bool bad = s.state == "failed" || s.state == "refused";
    return fmt::format(
        "<tr{}><td class=\"t\">{}</td><td>{}</td><td>{}{}</td><td>{}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{}</td><td class=\"break\">{}</td></tr>",
        bad ? " class=\"bad\"" : "", time_text(language, s.started_at ? s.started_at : s.at), escape(s.dataset),
        w("stage." + s.stage), s.attempt > 1 ? fmt::format(" #{}", s.attempt) : "", w("log." + s.state),
        s.rows > 0 ? number(s.rows) : "", s.duration_ms > 0 ? duration_text(s.duration_ms) : "", text);
  }
};

}  // namespace

std::string slice_log_html(const monitoring::SliceLog& log, const std::vector<const Slice*>& slices,
                           Language language) {
  const Writer writer{language};
  std::string out = writer.slices(slices);
  if (log.runs.empty() && log.stages.empty()) return out + fmt::format("<p class=\"dim\">{}</p>", writer.w("no_log"));
  if (!log.runs.empty()) {
    out += fmt::format("<h3>{}</h3><div class=\"scroll\"><table class=\"list small\">", writer.w("runs"));
    out += writer.heads({"dataset", "snapshot", "state", "rows", "created", "updated", "minor", "deleted", "same",
                         "duplicates", "rejected", "verdict"},
                        3, 10);
    out += "<tbody>";
    for (const RunLine& r : log.runs) out += writer.run(r);
    out += "</tbody></table></div>";
  }
  if (!log.stages.empty()) {
    out += fmt::format("<h3>{}</h3><div class=\"scroll\"><table class=\"list small\">", writer.w("stages"));
    out += writer.heads({"time", "dataset", "stage", "state", "rows", "duration", "message"}, 4, 5);
    out += "<tbody>";
    for (const StageLine& s : log.stages) out += writer.stage(s);
    out += "</tbody></table></div>";
  }
  return out;
}

}  // namespace sujip::board
