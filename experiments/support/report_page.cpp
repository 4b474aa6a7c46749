// The page is a heading, a list of contents if there is more than one run, and one section per run.
#include "experiments/support/report_page.h"

#include "engine/str.h"
#include "experiments/support/progress.h"
#include "experiments/support/table.h"

namespace brenier::experiments {
namespace {

// System fonts; colours follow the reader's light or dark setting. A run is meant to fit on a screen: long or wide tables and
// many pictures scroll inside frames of their own, and a picture that is clicked, or reached with the Tab key, grows to
// the width of the page.
constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --ink: #1c1f23; --soft: #5d6570; --line: #dfe3e8; --card: #ffffff; --page: #f5f6f8;
  --accent: #0b61a4; --code: #eef1f4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --soft: #9aa3ad; --line: #343a41; --card: #1d2126;
  --page: #14171a; --accent: #6cb6f5; --code: #272c32; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; } h2 { font-size: 1.3rem; margin: 0; overflow-wrap: anywhere; }
h3 { font-size: .8rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft); margin: 1.6rem 0 .4rem; }
a { color: var(--accent); } p { margin: .5rem 0; } nav ul { padding-left: 1.2rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.4rem; margin-top: 1.6rem; }
.soft { color: var(--soft); font-size: .88rem; overflow-wrap: anywhere; }
.claim { border-left: 3px solid var(--accent); padding-left: .9rem; margin: .9rem 0; }
.badge { display: inline-block; border: 1px solid var(--line); border-radius: 99px; padding: 0 .6rem; font-size: .8rem;
  color: var(--soft); margin-left: .5rem; vertical-align: middle; font-weight: normal; }
.tables { display: flex; column-gap: 2.5rem; } .tables > div { min-width: 0; flex: 1 1 auto; }
.tables > div:first-child:not(:only-child) { flex: 0 0 auto; max-width: 36%; }
@media (max-width: 60rem) { .tables { display: block; } .tables > div:first-child:not(:only-child) { max-width: none; } }
.frame { overflow: auto; max-height: 17rem; } .frame th { position: sticky; top: 0; background: var(--card); } table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); } .number { text-align: right; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: 1rem;
  margin-top: 1rem; max-height: 33rem; overflow: auto; }
figure { margin: 0; cursor: zoom-in; } figure:only-child { grid-column: 1 / -1; }
figure img { width: 100%; max-height: 14rem; object-fit: contain; border-radius: 8px; background: #fff; display: block; }
figure:only-child img { max-height: 28rem; }
figure:focus { grid-column: 1 / -1; cursor: auto; outline: none; } figure:focus img { max-height: none; }
figcaption { color: var(--soft); font-size: .85rem; margin-top: .3rem; }
pre { background: var(--code); border-radius: 8px; padding: .7rem .9rem; overflow-x: auto; font-size: .85rem; margin: .4rem 0; }
summary { cursor: pointer; color: var(--soft); font-size: .88rem; margin-top: 1rem; }
)";

std::string text_of(const Row& row, const std::string& key) {
  const Value* value = row.find(key);
  return value ? html_escaped(display_text(*value)) : std::string();
}

std::vector<Row> rows_of(const Row& metrics, const char* key) {
  std::vector<Row> rows;
  const Value* list = metrics.find(key);
  if (!list || !list->as_list()) return rows;
  for (const Value& entry : *list->as_list()) {
    if (entry.as_row()) rows.push_back(*entry.as_row());
  }
  return rows;
}

std::string cell(const char* tag, const std::string& text, bool number) {
  return str("<", tag, number ? " class=\"number\">" : ">", html_escaped(text), "</", tag, ">");
}

std::string table(const std::vector<Row>& rows) {
  const std::vector<std::string> columns = column_names(rows);
  std::string head, body;
  for (const std::string& column : columns) {
    const Value* first = rows.front().find(column);
    head += cell("th", column, first && first->is_number());
  }
  for (const Row& row : rows) {
    body += "<tr>";
    for (const std::string& column : columns) {
      const Value* value = row.find(column);
      body += cell("td", value ? display_text(*value) : "", value && value->is_number());
    }
    body += "</tr>\n";
  }
  return str("<div class=\"frame\"><table><thead><tr>", head, "</tr></thead>\n<tbody>", body,
             "</tbody></table></div>\n");
}

std::string titled_table(const char* title, const std::vector<Row>& rows) {
  return rows.empty() ? std::string() : str("<div><h3>", title, "</h3>\n", table(rows), "</div>\n");
}

bool flag(const Row& row, const char* key) {
  const Value* value = row.find(key);
  return value && value->as_bool() && *value->as_bool();
}

std::string badges(const Row& metrics) {
  std::string result;
  const Value* config = metrics.find("config");
  if (config && config->as_row() && flag(*config->as_row(), "quick")) result += "<span class=\"badge\">quick</span>";
  if (flag(metrics, "stopped_early")) result += "<span class=\"badge\">stopped by the time budget</span>";
  return result;
}

std::string pictures(const ReportEntry& entry) {
  if (entry.pictures.empty()) return {};
  std::string result = "<div class=\"pictures\">\n";
  for (const ReportPicture& picture : entry.pictures) {
    const std::string name = html_escaped(picture.name);
    result += str("<figure tabindex=\"0\"><img alt=\"", name, "\" src=\"data:image/png;base64,", base64(picture.png),
                  "\"><figcaption>", name, "</figcaption></figure>\n");
  }
  return result + "</div>\n";
}

// "on Xeon, 2 cores · 2026-01-31 · 12 s"
std::string circumstances(const Row& metrics) {
  std::string line;
  const Value* device = metrics.find("device");
  if (device && device->as_row())
    line += text_of(*device->as_row(), "model") + ", " + text_of(*device->as_row(), "cores") + " cores · ";
  const Value* seconds = metrics.find("seconds");
  return line + text_of(metrics, "date") + " · " + duration_text(seconds ? seconds->as_double() : -1);
}

std::string section(const ReportEntry& entry, std::size_t number) {
  const Row& metrics = entry.metrics;
  std::string html =
      str("<section id=\"run", number, "\">\n<h2>", text_of(metrics, "experiment"), badges(metrics), "</h2>\n");
  html += str("<p class=\"soft\">", text_of(metrics, "source"), "</p>\n<p class=\"claim\">", text_of(metrics, "claim"),
              "</p>\n");
  html += str("<div class=\"tables\">\n", titled_table("Published", rows_of(metrics, "paper")),
              titled_table("Ours", rows_of(metrics, "results")), "</div>\n");
  html += pictures(entry);
  html += str("<h3>Reproduce</h3>\n<pre>", text_of(metrics, "command"), "</pre>\n<p class=\"soft\">",
              circumstances(metrics), " · folder ", html_escaped(entry.folder), "</p>\n");
  if (const Value* config = metrics.find("config"))
    html += str("<details><summary>All options</summary><pre>", html_escaped(to_indented_json(*config)),
                "</pre></details>\n");
  return html + "</section>\n";
}

std::string contents(const std::vector<ReportEntry>& entries) {
  if (entries.size() < 2) return {};
  std::string html = "<nav><ul>\n";
  for (std::size_t i = 0; i < entries.size(); ++i)
    html += str("<li><a href=\"#run", i, "\">", text_of(entries[i].metrics, "experiment"), "</a> <span class=\"soft\">",
                html_escaped(entries[i].folder), "</span></li>\n");
  return html + "</ul></nav>\n";
}

}  // namespace

std::string base64(std::string_view bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;  // 24 bits
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0);
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::string html_escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '"')
      result += "&quot;";
    else
      result += c;
  }
  return result;
}

std::string report_page(const std::vector<ReportEntry>& entries) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>Brenier: results</title>\n<style>";
  html += kStyle;
  html += str("</style>\n</head>\n<body>\n<main>\n<h1>Brenier: results</h1>\n<p class=\"soft\">",
              "Each section states what a paper claims, what it published, and what this machine measured. ",
              "Click a picture to enlarge it.</p>\n");
  html += contents(entries);
  for (std::size_t i = 0; i < entries.size(); ++i) html += section(entries[i], i);
  return html + "</main>\n</body>\n</html>\n";
}

}  // namespace brenier::experiments
