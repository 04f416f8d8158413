#include "monitoring/board/words.h"

#include <algorithm>
#include <cstdlib>

namespace sujip::board {
namespace {

constexpr Word kWords[] = {
    {"title", "수집 현황", "Collection board"},
    {"asof", "기준", "as of"},
    {"zone", "모든 시각은 한국 시간(Asia/Seoul)입니다.", "All times are in Asia/Seoul."},
    {"none", "아직 등록된 출처가 없습니다.", "No source is registered yet."},
    {"none_hint", "sujip source add 로 출처를 등록하면 여기에 나타납니다.",
     "Register one with `sujip source add` and it appears here."},
    {"sources", "출처", "Sources"},
    {"source", "출처", "Source"},
    {"state", "상태", "State"},
    {"accounts", "계정", "Accounts"},
    {"account", "계정", "Account"},
    {"dataset", "데이터", "Dataset"},
    {"section", "구분", "Section"},
    {"slice", "구분", "Slice"},
    {"rows", "행", "Rows"},
    {"slices", "구간", "Slices"},
    {"complete_through", "완료된 날짜", "Complete through"},
    {"last_attempt", "마지막 시도", "Last attempt"},
    {"last_success", "마지막 적재", "Last in tables"},
    {"held_runs", "승인 대기", "Waiting for a person"},
    {"held_help",
     "행의 대부분이 사라지거나 값이 비어 보류했습니다. 표는 바뀌지 않았습니다. 확인한 뒤 반영하거나 "
     "버리세요.",
     "Most rows would vanish or lose their value, so nothing was changed. Look at it, then let it "
     "through or throw it away."},
    {"release", "반영", "Release"},
    {"reject", "버림", "Reject"},
    {"snapshot", "스냅샷", "Snapshot"},
    {"would_delete", "삭제 예정", "Would delete"},
    {"would_zero", "값 없어짐", "Would lose value"},
    {"why", "이유", "Why"},
    {"what_to_do", "조치", "What to do"},
    {"problems", "실패와 거부", "Failures and refusals"},
    {"more_problems", "그 밖에 더 있습니다: sujip.board_problem", "There are more: sujip.board_problem"},
    {"where", "위치", "Where"},
    {"message", "내용", "Message"},
    {"time", "시각", "Time"},
    {"dead", "처리하지 못한 레코드", "Dead letters"},
    {"dead_none", "없음", "none"},
    {"dead_help", "sujip dead list 로 보고, 고친 뒤 sujip dead retry 로 다시 처리합니다.",
     "See them with `sujip dead list`; after a fix, `sujip dead retry` processes them again."},
    {"topic", "토픽", "Topic"},
    {"partition", "파티션", "Partition"},
    {"offset", "오프셋", "Offset"},
    {"matrix_daily", "계정 × 날짜", "accounts × dates"},
    {"matrix_snapshot", "구분 × 스냅샷", "sections × snapshots"},
    {"older", "← 이전", "← Older"},
    {"newest", "최신", "Newest"},
    {"only_problems", "문제만 보기", "Only problems"},
    {"show_all", "모두 보기", "Show all"},
    {"all_sources", "모든 출처", "All sources"},
    {"no_slices", "아직 수집된 구간이 없습니다.", "Nothing collected yet."},
    {"no_rows", "조건에 맞는 행이 없습니다.", "No row matches."},
    {"not_expected", "해당 없음", "nothing expected"},
    {"legend", "범례", "Legend"},
    {"log_of", "수집 기록", "Log of"},
    {"runs", "실행", "Runs"},
    {"run", "실행", "Run"},
    {"stages", "단계별 기록", "Stages"},
    {"stage", "단계", "Stage"},
    {"created", "생성", "Created"},
    {"updated", "변경", "Updated"},
    {"minor", "경미", "Minor"},
    {"deleted", "삭제", "Deleted"},
    {"same", "동일", "Same"},
    {"duplicates", "중복", "Duplicates"},
    {"rejected", "거부된 행", "Rejected rows"},
    {"verdict", "판정", "Verdict"},
    {"duration", "소요", "Took"},
    {"bytes", "바이트", "Bytes"},
    {"file", "파일", "File"},
    {"restated_rows", "수정된 행", "Restated rows"},
    {"no_log", "이 구간에는 기록이 없습니다. 아직 시도하지 않았거나 기록 보관 기간이 지났습니다.",
     "No log for this slice: it was not tried yet, or its log has expired."},
    {"close", "닫기", "Close"},
    {"back", "← 현황으로", "← Back to the board"},
    {"live", "실시간", "live"},
    {"offline", "연결 끊김, 다시 연결 중", "disconnected, trying again"},
    {"no_script", "이 페이지는 새로 고침하면 갱신됩니다.", "Reload the page to update it."},
    {"skip", "본문으로", "Skip to content"},
    {"stale", "데이터베이스를 읽지 못해 마지막으로 읽은 상태를 보여 줍니다.",
     "The database cannot be read; this is the state read last."},
    {"starting", "상태를 읽는 중입니다.", "Reading the state."},
    {"not_found", "찾을 수 없습니다", "Not found"},
    {"unavailable", "데이터베이스에 연결할 수 없습니다. sujip doctor 로 확인하세요.",
     "The database is not reachable. `sujip doctor` tells why."},
    {"state.collected", "수집 완료", "collected"},
    {"state.restated", "수정됨", "restated"},
    {"state.partial", "일부", "partial"},
    {"state.running", "수집 중", "running"},
    {"state.pending", "예정", "pending"},
    {"state.late", "지연", "late"},
    {"state.missing", "누락", "missing"},
    {"state.failed", "실패", "failed"},
    {"state.held", "승인 대기", "held"},
    {"state.empty", "0건 확인", "empty confirmed"},
    {"state.excluded", "제외", "excluded"},
    {"stage.collect", "수집", "collect"},
    {"stage.process", "처리", "process"},
    {"stage.sink", "적재", "sink"},
    {"log.started", "시작", "started"},
    {"log.finished", "완료", "finished"},
    {"log.failed", "실패", "failed"},
    {"log.refused", "거부", "refused"},
    {"log.skipped", "건너뜀", "skipped"},
    {"verdict.accepted", "반영", "accepted"},
    {"verdict.held", "보류", "held"},
    {"verdict.released", "승인 후 반영", "released"},
    {"verdict.rejected", "버림", "rejected"},
    {"verdict.overtaken", "새 실행으로 대체", "overtaken"},
    {"verdict.old", "오래된 실행, 무시", "old, ignored"},
    {"verdict.incomplete", "불완전, 버림", "incomplete, discarded"},
    {"verdict.partial", "일부 반영", "partly applied"},
    {"verdict.same", "변화 없음", "same as before"},
    {"verdict.pending", "판정 중", "being decided"},
    {"weekday.1", "월", "Mon"},
    {"weekday.2", "화", "Tue"},
    {"weekday.3", "수", "Wed"},
    {"weekday.4", "목", "Thu"},
    {"weekday.5", "금", "Fri"},
    {"weekday.6", "토", "Sat"},
    {"weekday.7", "일", "Sun"},
};

}  // namespace

std::span<const Word> words() { return kWords; }

std::string_view word(Language language, std::string_view id) {
  for (const Word& w : kWords)
    if (w.id == id) return language == Language::ko ? w.ko : w.en;
  return id;
}

std::string_view code_of(Language language) { return language == Language::ko ? "ko" : "en"; }

Language choose_language(std::string_view param, std::string_view cookie, std::string_view accept_language) {
  for (const std::string_view wish : {param, cookie}) {
    if (wish == "ko") return Language::ko;
    if (wish == "en") return Language::en;
  }
  // The supported language with the highest q; of equal ones the first.
  Language best = Language::ko;
  double best_q = 0;
  while (!accept_language.empty()) {
    const size_t end = std::min(accept_language.find(','), accept_language.size());
    std::string_view item = accept_language.substr(0, end);
    accept_language.remove_prefix(std::min(end + 1, accept_language.size()));
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    double q = 1;
    if (const size_t mark = item.find(";q="); mark != std::string_view::npos)
      q = std::atof(std::string(item.substr(mark + 3)).c_str());
    const std::string_view tag = item.substr(0, std::min(item.find_first_of("-;"), item.size()));
    if (q <= best_q || (tag != "ko" && tag != "en")) continue;
    best = tag == "ko" ? Language::ko : Language::en;
    best_q = q;
  }
  return best;
}

}  // namespace sujip::board
