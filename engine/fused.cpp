// Questions that every backend asks of a fused group. See engine/fused.h.
#include "engine/fused.h"

#include <algorithm>

namespace brenier {

std::optional<std::array<FusedGroup::Value, 3>> family_results(const FusedGroup& group, std::size_t first,
                                                               const std::array<OpCode, 3>& members) {
  std::array<FusedGroup::Value, 3> results{FusedGroup::kNone, FusedGroup::kNone, FusedGroup::kNone};
  const FusedGroup::Operation& leader = group.operations[first];
  for (std::size_t i = first; i < group.operations.size(); ++i)
    for (std::size_t k = 0; k < members.size(); ++k) {
      const FusedGroup::Operation& operation = group.operations[i];
      if (operation.code == members[k] && operation.inputs == leader.inputs) results[k] = operation.result;
    }
  const auto count = [&](FusedGroup::Value value) { return std::count(results.begin(), results.end(), value); };
  if (count(leader.result) == 0 || count(FusedGroup::kNone) > 1) return std::nullopt;
  return results;
}

}  // namespace brenier
