// The child is started without a shell, so no name can be misread, and its output is dropped: the script can be run by
// hand to see it.
#include "experiments/support/gnuplot.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "engine/str.h"

extern char** environ;

namespace brenier::experiments {
namespace {

class SpawnActions {
 public:
  explicit SpawnActions(const std::string& folder) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addchdir_np(&actions_, folder.c_str());
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

// The exit status, or a negative number if the program could not be started.
int run(const std::string& folder, std::string program, std::string argument) {
  const SpawnActions actions(folder);
  char* arguments[] = {program.data(), argument.data(), nullptr};
  pid_t child = 0;
  if (posix_spawnp(&child, program.c_str(), actions.get(), nullptr, arguments, environ) != 0) return -1;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace

std::string run_gnuplot(const Path& script) {
  const std::string folder = script.has_parent_path() ? script.parent_path().string() : ".";
  const int status = run(folder, "gnuplot", script.filename().string());
  const std::string by_hand = str("in the folder figures type: gnuplot ", script.filename().string());
  // 127 is what a child reports if it was started but found no program.
  if (status < 0 || status == 127)
    return str(
        "No picture was drawn because gnuplot is missing; install it (Debian: apt-get install gnuplot-nox), then ",
        by_hand);
  if (status > 0) return str("No picture was drawn because gnuplot failed; to see why, ", by_hand);
  return {};
}

DrawnFigure draw_script(const std::string& name, const std::string& data, const std::string& script,
                        const Path& folder) {
  DrawnFigure drawn{.png = folder / (name + ".png"), .files = {folder / (name + ".dat"), folder / (name + ".gp")}};
  write_file(drawn.files[0], data);
  write_file(drawn.files[1], script);
  std::filesystem::remove(drawn.png);  // an old picture of new data would lie
  drawn.note = run_gnuplot(drawn.files[1]);
  if (drawn.note.empty()) drawn.files.push_back(drawn.png);
  return drawn;
}

std::string gnuplot_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'')
      quoted += "''";
    else
      quoted += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return quoted + "'";
}

}  // namespace brenier::experiments
