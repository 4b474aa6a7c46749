// A project of its own that uses the installed library: f(x) = softplus(x) has f'(0) = 1/2 and f''(0) = 1/4.
#include <iostream>

#include "engine/brenier.h"

int main() {
  brenier::Tape tape;
  const brenier::Tensor x = tape.watch(brenier::tensor(0.0));
  const brenier::Tensor slope = brenier::grad(brenier::softplus(x), x);
  std::cout << slope.item() << " " << brenier::grad(slope, x).item() << "\n";
}
