#include "croupier/cancel.h"

namespace croupier {

const CancelToken& CancelToken::Never() {
  static const CancelFlag never;
  return never;
}

}  // namespace croupier
