// The public data sets of the experiments, read from the folder --data names (options.data: --data, else $BRENIER_DATA,
// else data/). `./run data NAME` fills it. A set that is not there is an InputError that names the folder and that
// command; it is thrown before a run has written anything, if sets are loaded before the first stage.
#pragma once

#include <string>

#include "experiments/support/cifar.h"
#include "experiments/support/idx.h"
#include "experiments/support/images.h"

namespace brenier::experiments {

// MNIST or Fashion-MNIST: 60,000 + 10,000 pictures of 28 x 28 with labels 0 … 9.
struct Digits {
  std::string name;  // "MNIST" or "Fashion-MNIST", for a printed line and for metrics
  ByteArray train_images, train_labels, test_images, test_labels;
};
enum class DigitSet { Any, Mnist, FashionMnist };

// Any: MNIST from DATA/mnist; where that is not there Fashion-MNIST from DATA/fashion-mnist or `debian`, where the
// package dataset-fashion-mnist puts it.
Digits load_digits(const Path& data, DigitSet set = DigitSet::Any,
                   const Path& debian = "/usr/share/datasets/fashion-mnist");

struct Cifar {
  CifarRecords train, test;
  std::string note;  // which of the pictures come from a lossy copy; to be said beside every figure
};
// The official files, in DATA/cifar10/cifar-10-batches-bin or DATA/cifar-10-batches-bin: 50,000 + 10,000 pictures. Else
// the partial copy in DATA/cifar10: 20,000 training pictures, of which the first 4,000 are exact, and 10,000 test pictures,
// class by class.
Cifar load_cifar10(const Path& data);

// The same pictures with half the side, or a quarter where that is done twice: experiments of the same kind at a fraction
// of the cost. At most two times.
Digits halved(Digits digits, std::int64_t times);
Cifar halved(Cifar cifar, std::int64_t times);

// DATA/photos/NAME.jpg or .png.
Image load_photo(const Path& data, const std::string& name);

}  // namespace brenier::experiments
