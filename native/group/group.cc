/// @file `espalier::group_*`: the processes of one run, on libtorch's own process groups (Gloo over TCP), as operators
/// of the dispatcher.
///
/// Processes find each other through a TCPStore that rank 0 serves. Beside what libtorch has, every process runs a
/// watcher: a thread with a connection of its own that writes a heartbeat to the store once an interval. Rank 0 judges
/// whose heartbeat stopped and writes a verdict that all read, so that every rank ends soon, and knows why, when one of
/// them is lost. A broken group is never destroyed: its threads may hang. One file although it is long: it is built as
/// a whole where libtorch has process groups, and left out where it has none.
#include "group.h"

#include <netdb.h>
#include <sys/socket.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/library.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace espalier::group {
namespace {

using at::Tensor;
using std::chrono::milliseconds;

/// Where the store is, and how long processes wait for each other.
struct Meeting {
  std::string host;
  int port;
  int rank;
  int size;
  /// Whether this process serves the store; false for rank 0 too where the launcher serves it.
  bool serves;
  /// Of the keys of the store: a second start on the same store does not see the keys of the first.
  std::string prefix;
  /// Timeout until all have joined, and of each collective.
  milliseconds patience;
  /// Time without a heartbeat after which a process counts as lost.
  milliseconds silence;

  std::string address() const { return host + ":" + std::to_string(port); }
  milliseconds interval() const { return std::min(milliseconds(1000), std::max(milliseconds(20), silence / 8)); }
};

/// The group cannot be used any more: why, and which ranks are missing.
struct Broken : std::runtime_error {
  explicit Broken(const std::string& message, std::vector<int> missing = {})
      : std::runtime_error(message), missing(std::move(missing)) {}
  std::vector<int> missing;
};

std::string textOf(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }
std::vector<uint8_t> bytesOf(const std::string& text) { return {text.begin(), text.end()}; }

/// `1,3` and back.
std::string join(const std::vector<int>& ranks) {
  std::string text;
  for (int rank : ranks) text += (text.empty() ? "" : ",") + std::to_string(rank);
  return text;
}

std::vector<int> ranksOf(const std::string& text) {
  std::vector<int> ranks;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) ranks.push_back(std::stoi(part));
  return ranks;
}

/// The message of an exception, without the trace that libtorch adds.
std::string firstLine(const std::exception& error) {
  const auto* known = dynamic_cast<const c10::Error*>(&error);
  const std::string text = known ? known->what_without_backtrace() : error.what();
  return text.substr(0, text.find('\n'));
}

std::string seconds(milliseconds duration) {
  std::ostringstream text;
  text << static_cast<double>(duration.count()) / 1000 << " s";
  return text.str();
}

std::string named(const std::vector<int>& ranks, int size) {
  return (ranks.size() == 1 ? "rank " : "ranks ") + join(ranks) + " of " + std::to_string(size);
}

const std::string kLeft = "left";
std::string beatKey(int rank) { return "beat/" + std::to_string(rank); }

/// A collective in progress, with its tensors.
struct Collective {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::string error;
  std::vector<Tensor> inputs;
  std::vector<std::vector<Tensor>> outputs;
  const Clock::time_point began = Clock::now();
  Clock::time_point ended;
};

struct Group {
  Meeting meeting;
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;
  /// For all-reduces that start while other collectives run: connections and an order of their own.
  c10::intrusive_ptr<c10d::ProcessGroupGloo> aside;
  /// Collectives that this process has started: a rank that is behind has started fewer.
  std::atomic<int64_t> begun{0};
  std::map<int64_t, std::shared_ptr<Collective>> collectives;

  std::thread watcher;
  std::atomic<bool> leaving{false};
  std::mutex mutex;
  std::condition_variable changed;
  /// Why the group is broken; empty while it is not.
  std::string verdict;
  std::vector<int> missing;
  Clock::time_point lastContact = Clock::now();

  void breakUp(const std::string& why, const std::vector<int>& who) {
    std::lock_guard<std::mutex> lock(mutex);
    if (!verdict.empty()) return;
    verdict = why;
    missing = who;
    changed.notify_all();
  }

  /// Throws where the group is known to be broken, or where the store has not answered for too long.
  void check() {
    std::lock_guard<std::mutex> lock(mutex);
    if (!verdict.empty()) throw Broken(verdict, missing);
    if (!leaving && Clock::now() - lastContact > meeting.silence + 3 * meeting.interval()) {
      throw Broken("rank 0 at " + meeting.address() + " has not answered for " + seconds(meeting.silence), {0});
    }
  }
};

/// The one group of this process, and the ranks that were missing when the last one broke.
Group* current = nullptr;
std::vector<int> lastMissing;

// --- meeting

/// Later versions serve the store by libuv unless asked not to, also where they were built without it.
template <class Options>
auto serveWithoutLibuv(Options& options, int) -> decltype(options.useLibUV, void()) {
  options.useLibUV = false;
}
template <class Options>
void serveWithoutLibuv(Options&, ...) {}

c10::intrusive_ptr<c10d::Store> openStore(const Meeting& meeting, bool serves) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(meeting.port);
  options.isServer = serves;
  options.numWorkers = meeting.size;
  options.waitWorkers = false;
  options.timeout = meeting.patience;
  serveWithoutLibuv(options, 0);
  try {
    return c10::make_intrusive<c10d::PrefixStore>(meeting.prefix,
                                                  c10::make_intrusive<c10d::TCPStore>(meeting.host, options));
  } catch (const std::exception& error) {
    const std::string text = firstLine(error);
    if (serves && (text.find("in use") != std::string::npos || text.find("EADDRINUSE") != std::string::npos)) {
      throw Broken("port " + std::to_string(meeting.port) + " is taken by another process of this machine");
    }
    if (serves) throw Broken("rank 0 cannot serve " + meeting.address() + ": " + text);
    throw Broken(
        "nobody answered at " + meeting.address() + " within " + seconds(meeting.patience) + ": rank 0 is missing",
        {0});
  }
}

/// The local address of the connection to the store: the others can reach this machine by it.
std::string ownAddress(const Meeting& meeting) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  if (getaddrinfo(meeting.host.c_str(), std::to_string(meeting.port).c_str(), &hints, &found) != 0) return meeting.host;
  std::string address = meeting.host;
  for (addrinfo* each = found; each; each = each->ai_next) {
    const int channel = socket(each->ai_family, each->ai_socktype, each->ai_protocol);
    if (channel < 0) continue;
    sockaddr_storage own{};
    socklen_t length = sizeof own;
    char text[NI_MAXHOST];
    // Connecting a datagram socket sends nothing: it only chooses the route.
    const bool known =
        connect(channel, each->ai_addr, each->ai_addrlen) == 0 &&
        getsockname(channel, reinterpret_cast<sockaddr*>(&own), &length) == 0 &&
        getnameinfo(reinterpret_cast<sockaddr*>(&own), length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0;
    close(channel);
    if (!known) continue;
    address = text;
    break;
  }
  freeaddrinfo(found);
  return address;
}

bool has(c10d::Store& store, const std::string& key) { return store.check({key}); }

/// One verdict for all, the first that is written: `1,3;why`.
void writeVerdict(c10d::Store& store, const std::string& why, const std::vector<int>& who) {
  store.compareSet("verdict", {}, bytesOf(join(who) + ";" + why));
}

Broken readVerdict(c10d::Store& store) {
  const std::string text = textOf(store.get("verdict"));
  const size_t end = text.find(';');
  return Broken(text.substr(end + 1), ranksOf(text.substr(0, end)));
}

/// Rank 0 waits for the first heartbeat of each rank, the others for its `ready`. By polling: a wait of this store that
/// timed out leaves its answer in the connection, and the next request would read it as its own.
void awaitAll(c10d::Store& store, const Meeting& meeting) {
  const milliseconds pause(50), grace(2000);
  auto end = Clock::now() + meeting.patience;
  if (meeting.rank == 0) {
    std::vector<int> absent;
    for (int rank = 1; rank < meeting.size; rank++) absent.push_back(rank);
    for (;; std::this_thread::sleep_for(pause)) {
      absent.erase(std::remove_if(absent.begin(), absent.end(), [&](int rank) { return has(store, beatKey(rank)); }),
                   absent.end());
      if (absent.empty()) return store.set("ready", bytesOf("yes"));
      if (Clock::now() < end) continue;
      const Broken broken(named(absent, meeting.size) + " did not join within " + seconds(meeting.patience), absent);
      writeVerdict(store, broken.what(), absent);
      // So that those who joined have read it before the store closes.
      std::this_thread::sleep_for(grace / 2);
      throw broken;
    }
  }
  for (end += grace; !has(store, "ready"); std::this_thread::sleep_for(pause)) {
    if (has(store, "verdict")) throw readVerdict(store);
    if (Clock::now() > end)
      throw Broken("rank 0 did not call the others together within " + seconds(meeting.patience), {0});
  }
}

void watch(Group& group, c10::intrusive_ptr<c10d::Store> store);

Group* meet(const Meeting& meeting) {
  auto group = std::make_unique<Group>();
  group->meeting = meeting;
  group->store = openStore(meeting, meeting.serves);
  c10d::Store& store = *group->store;
  if (meeting.rank == 0) store.set("size", bytesOf(std::to_string(meeting.size)));
  const std::string size = textOf(store.get("size"));
  if (size != std::to_string(meeting.size)) {
    throw Broken("rank " + std::to_string(meeting.rank) + " expects " + std::to_string(meeting.size) +
                 " ranks, rank 0 expects " + size);
  }
  if (store.add("taken/" + std::to_string(meeting.rank), 1) > 1) {
    throw Broken("two processes call themselves rank " + std::to_string(meeting.rank) + " at " + meeting.address());
  }
  store.set(beatKey(meeting.rank), bytesOf("0 0"));
  awaitAll(store, meeting);
  auto options = c10d::ProcessGroupGloo::Options::create(2 * meeting.patience);
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  options->devices.push_back(interface ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                       : c10d::ProcessGroupGloo::createDeviceForHostname(ownAddress(meeting)));
  group->gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(group->store, meeting.rank, meeting.size, options);
  const auto aside = c10::make_intrusive<c10d::PrefixStore>("aside", group->store);
  group->aside = c10::make_intrusive<c10d::ProcessGroupGloo>(aside, meeting.rank, meeting.size, options);
  Group* made = group.release();
  made->lastContact = Clock::now();
  made->watcher = std::thread([made, own = openStore(meeting, false)] { watch(*made, own); });
  return made;
}

// --- watching

/// Rank 0: the ranks whose heartbeat has not changed for too long.
std::vector<int> silentRanks(c10d::Store& store, const Meeting& meeting,
                             std::map<int, std::pair<std::string, Clock::time_point>>& heard) {
  std::vector<int> ranks;
  const auto now = Clock::now();
  for (int rank = 1; rank < meeting.size; rank++) {
    const std::string beat = textOf(store.get(beatKey(rank)));
    auto& [last, when] = heard.try_emplace(rank, "", now).first->second;
    if (beat != last) {
      last = beat;
      when = now;
    } else if (beat != kLeft && now - when > meeting.silence) {
      ranks.push_back(rank);
    }
  }
  return ranks;
}

void watch(Group& group, c10::intrusive_ptr<c10d::Store> store) {
  const Meeting& meeting = group.meeting;
  std::map<int, std::pair<std::string, Clock::time_point>> heard;
  for (int64_t count = 1; !group.leaving; count++) {
    try {
      store->set(beatKey(meeting.rank), bytesOf(std::to_string(count) + " " + std::to_string(group.begun)));
      if (meeting.rank == 0) {
        const std::vector<int> silent = silentRanks(*store, meeting, heard);
        if (!silent.empty())
          writeVerdict(*store, named(silent, meeting.size) + " fell silent for " + seconds(meeting.silence), silent);
      }
      if (has(*store, "verdict")) {
        const Broken broken = readVerdict(*store);
        group.breakUp(broken.what(), broken.missing);
      }
    } catch (const std::exception&) {
      if (!group.leaving) group.breakUp("rank 0 of " + std::to_string(meeting.size) + " is gone", {0});
      return;
    }
    std::unique_lock<std::mutex> lock(group.mutex);
    group.lastContact = Clock::now();
    group.changed.wait_for(lock, meeting.interval(), [&] { return group.leaving.load(); });
  }
}

/// Why a connection broke: the verdict says more than the socket; it is written once the missing heartbeat is noticed.
[[noreturn]] void explain(Group& group, const std::string& error) {
  std::unique_lock<std::mutex> lock(group.mutex);
  group.changed.wait_for(lock, group.meeting.silence + 4 * group.meeting.interval(),
                         [&] { return !group.verdict.empty(); });
  if (!group.verdict.empty()) throw Broken(group.verdict, group.missing);
  throw Broken("a connection between ranks broke: " + error.substr(0, error.find('\n')));
}

/// Names the ranks that are behind when the timeout has passed.
[[noreturn]] void tooLate(Group& group) {
  const Meeting& meeting = group.meeting;
  std::vector<int> late;
  for (int rank = 0; rank < meeting.size; rank++) {
    // This process takes part; its last heartbeat in the store may be older.
    if (rank == meeting.rank) continue;
    const std::string beat = textOf(group.store->get(beatKey(rank)));
    const size_t space = beat.find(' ');
    if (space == std::string::npos || std::stoll(beat.substr(space + 1)) < group.begun) late.push_back(rank);
  }
  throw Broken(named(late, meeting.size) + " did not take part within " + seconds(meeting.patience), late);
}

// --- collectives

Group& joined() {
  if (!current) throw Broken("this process is in no group");
  return *current;
}

std::shared_ptr<Collective> start(Group& group, c10d::ProcessGroupGloo& gloo, const std::string& kind,
                                  const std::vector<Tensor>& tensors, int64_t root) {
  group.check();
  auto collective = std::make_shared<Collective>();
  collective->inputs = tensors;
  for (const Tensor& tensor : tensors) {
    TORCH_CHECK(tensor.device().is_cpu() && tensor.is_contiguous(),
                "group: expected contiguous tensors on the CPU, got ", tensor.toString());
  }
  c10::intrusive_ptr<c10d::Work> work;
  if (kind == "sum" || kind == "max") {
    c10d::AllreduceOptions options;
    options.reduceOp = kind == "sum" ? c10d::ReduceOp::SUM : c10d::ReduceOp::MAX;
    work = gloo.allreduce(collective->inputs, options);
  } else if (kind == "broadcast") {
    c10d::BroadcastOptions options;
    options.rootRank = root;
    work = gloo.broadcast(collective->inputs, options);
  } else if (kind == "gather") {
    // The first is given, the others are filled: one of its shape for each rank.
    collective->outputs = {std::vector<Tensor>(tensors.begin() + 1, tensors.end())};
    collective->inputs = {tensors.at(0)};
    work = gloo.allgather(collective->outputs, collective->inputs);
  } else if (kind == "barrier") {
    work = gloo.barrier();
  } else {
    TORCH_CHECK(false, "group: unknown collective ", kind);
  }
  group.begun++;
  work->getFuture()->addCallback([collective](c10::ivalue::Future& future) {
    std::lock_guard<std::mutex> lock(collective->mutex);
    collective->done = true;
    collective->ended = Clock::now();
    if (future.hasError()) collective->error = future.tryRetrieveErrorMessage();
    collective->changed.notify_all();
  });
  return collective;
}

/// Whether it is done within `limit`.
bool waitFor(Group& group, Collective& collective, milliseconds limit) {
  const auto end = Clock::now() + limit;
  std::unique_lock<std::mutex> lock(collective.mutex);
  while (!collective.done) {
    const auto now = Clock::now();
    if (now >= end) return false;
    collective.changed.wait_until(lock, std::min(end, now + group.meeting.interval()));
    if (!collective.done) group.check();
  }
  const std::string error = collective.error;
  lock.unlock();
  if (!error.empty()) explain(group, error);
  return true;
}

void finish(Group& group, Collective& collective) {
  if (!waitFor(group, collective, group.meeting.patience)) tooLate(group);
}

/// The sum over all ranks, as a copy. Tensors on a GPU are summed on the CPU.
Tensor summed(const Tensor& x) {
  Tensor result = x.cpu().contiguous();
  if (result.data_ptr() == x.data_ptr()) result = result.clone();
  Group& group = joined();
  finish(group, *start(group, *group.gloo, "sum", {result}, 0));
  return result.to(x.device());
}

class Sum : public torch::autograd::Function<Sum> {
 public:
  static Tensor forward(torch::autograd::AutogradContext*, const Tensor& x) {
    at::AutoDispatchBelowADInplaceOrView below;
    return summed(x);
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext*,
                                               torch::autograd::tensor_list gradients) {
    return {summed(gradients[0])};
  }
};

/// Keeps the missing ranks for `group_missing`.
template <typename Work>
auto withGroupErrors(Work work) {
  try {
    return work();
  } catch (const Broken& broken) {
    lastMissing = broken.missing;
    throw;
  }
}

// --- operators

Tensor sumOperator(const Tensor& x) {
  return withGroupErrors([&] { return summed(x); });
}

Tensor sumWithGradient(const Tensor& x) {
  return withGroupErrors([&] { return Sum::apply(x); });
}

void groupJoin(c10::string_view host, int64_t port, int64_t rank, int64_t size, bool serves, c10::string_view prefix,
               double patience, double silence) {
  const auto ms = [](double value) { return milliseconds(static_cast<int64_t>(1000 * value)); };
  const Meeting meeting{std::string(host),
                        static_cast<int>(port),
                        static_cast<int>(rank),
                        static_cast<int>(size),
                        serves,
                        std::string(prefix),
                        ms(patience),
                        ms(silence)};
  withGroupErrors([&] {
    if (current) throw Broken("this process is in a group already");
    // In a thread of its own: a connection to something else, or through a network that drops packets, would hang.
    auto promise = std::make_shared<std::promise<Group*>>();
    auto future = promise->get_future();
    std::thread([promise, meeting] {
      try {
        promise->set_value(meet(meeting));
      } catch (const Broken&) {
        promise->set_exception(std::current_exception());
      } catch (const std::exception& error) {
        const std::string rankZero = "rank 0 at " + meeting.address();
        const Broken broken(rankZero + " closed the connection, or is no group: " + firstLine(error), {0});
        promise->set_exception(std::make_exception_ptr(broken));
      }
    }).detach();
    if (future.wait_for(meeting.patience + milliseconds(2000)) != std::future_status::ready) {
      throw Broken("what answers at " + meeting.address() + " is no group: is the port taken by another program?", {0});
    }
    current = future.get();
  });
}

int64_t groupBegin(c10::string_view kind, at::TensorList tensors, int64_t root) {
  return withGroupErrors([&] {
    at::NoGradGuard noGrad;
    Group& group = joined();
    auto collective = start(group, *group.gloo, std::string(kind), tensors.vec(), root);
    const int64_t id = group.begun;
    group.collectives.emplace(id, std::move(collective));
    return id;
  });
}

std::shared_ptr<Collective> collectiveOf(Group& group, int64_t id) {
  const auto found = group.collectives.find(id);
  TORCH_CHECK(found != group.collectives.end(), "group: collective ", id, " has ended");
  return found->second;
}

bool groupDone(int64_t id) {
  return withGroupErrors([&] {
    Group& group = joined();
    group.check();
    const auto collective = collectiveOf(group, id);
    const bool done = waitFor(group, *collective, milliseconds(0));
    if (done)
      group.collectives.erase(id);
    else if (Clock::now() - collective->began > group.meeting.patience)
      tooLate(group);
    return done;
  });
}

void groupWait(int64_t id) {
  withGroupErrors([&] {
    Group& group = joined();
    finish(group, *collectiveOf(group, id));
    group.collectives.erase(id);
  });
}

std::string groupMissing() { return join(lastMissing); }

/// Stops the watcher and records in the store that this process has left. Rank 0, which may serve the store, stays until
/// all have.
void leaveWell(Group& group) {
  const Meeting& meeting = group.meeting;
  group.leaving = true;
  group.changed.notify_all();
  group.watcher.join();
  group.store->set(beatKey(meeting.rank), bytesOf(kLeft));
  const auto end = Clock::now() + meeting.silence;
  for (int rank = 1; meeting.rank == 0 && rank < meeting.size; rank++) {
    while (textOf(group.store->get(beatKey(rank))) != kLeft && Clock::now() < end)
      std::this_thread::sleep_for(milliseconds(5));
  }
}

/// Writes the reason as the verdict of all ranks, waiting at most two seconds where the network is broken.
void leaveBroken(Group& group, const std::string& reason) {
  const Meeting& meeting = group.meeting;
  auto said = std::make_shared<std::promise<void>>();
  std::thread([said, &group, reason] {
    try {
      const int rank = group.meeting.rank;
      writeVerdict(*group.store,
                   "rank " + std::to_string(rank) + " of " + std::to_string(group.meeting.size) + " ended: " + reason,
                   {rank});
    } catch (const std::exception&) {
      // The others notice the missing heartbeat.
    }
    said->set_value();
  }).detach();
  said->get_future().wait_for(milliseconds(2000));
  // So that all have read it before the store closes.
  if (meeting.rank == 0) std::this_thread::sleep_for(3 * meeting.interval());
  group.leaving = true;
}

/// Without a reason the group ends normally; with one, every rank reports it.
void groupLeave(c10::string_view reason) {
  if (!current) return;
  std::unique_ptr<Group> group(current);
  current = nullptr;
  try {
    if (!reason.empty())
      leaveBroken(*group, std::string(reason));
    else
      leaveWell(*group);
  } catch (const std::exception&) {
    group.release();
    return;
  }
  // A broken group is not destroyed: its threads may hang in a collective.
  if (!reason.empty()) group.release();
}

}  // namespace

std::function<Interval()> beginSum(const Tensor& tensor) {
  return withGroupErrors([&]() -> std::function<Interval()> {
    Group& group = joined();
    const auto collective = start(group, *group.aside, "sum", {tensor}, 0);
    return [&group, collective] {
      withGroupErrors([&] { finish(group, *collective); });
      return Interval{collective->began, collective->ended};
    };
  });
}

int groupSize() { return joined().meeting.size; }

TORCH_LIBRARY_FRAGMENT(espalier, library) {
  library.def(
      "group_join(str host, int port, int rank, int size, bool serves, str prefix, float patience, float silence) -> "
      "()",
      groupJoin);
  library.def("group_begin(str kind, Tensor[] tensors, int root) -> int", groupBegin);
  library.def("group_done(int collective) -> bool", groupDone);
  library.def("group_wait(int collective) -> ()", groupWait);
  library.def("group_missing() -> str", groupMissing);
  library.def("group_leave(str reason) -> ()", groupLeave);
  library.def("group_sum(Tensor x) -> Tensor");
}
TORCH_LIBRARY_IMPL(espalier, CPU, library) { library.impl("group_sum", sumOperator); }
TORCH_LIBRARY_IMPL(espalier, CUDA, library) { library.impl("group_sum", sumOperator); }
TORCH_LIBRARY_IMPL(espalier, AutogradCPU, library) { library.impl("group_sum", sumWithGradient); }
TORCH_LIBRARY_IMPL(espalier, AutogradCUDA, library) { library.impl("group_sum", sumWithGradient); }

}  // namespace espalier::group
