// What the server counts, for Prometheus (prometheus.io/docs/instrumenting/exposition_formats): a page of text that a
// monitor fetches every few seconds. A failing model answers quickly and with status 200, so the labels that go out are
// counted as well: their shares against last week's are often the only sign.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace labkit {

class Metrics {
 public:
  void answered(const std::string& model, int status);
  void computed(const std::string& model, std::int64_t rows, double seconds);  // a batch
  void waited(const std::string& model, double seconds);                       // a request, before its batch
  void predicted(const std::string& model, const std::string& label);
  void connections(int now);

  std::string as_text() const;

 private:
  struct Histogram {
    std::vector<std::uint64_t> counts;  // by bucket; the last one has no bound
    double sum = 0;
    void add(double value, const std::vector<double>& bounds);
  };
  using Histograms = std::map<std::string, Histogram>;  // by model

  mutable std::mutex mutex_;  // the engines' threads count too
  std::map<std::pair<std::string, int>, std::uint64_t> requests_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> predictions_;
  Histograms batch_rows_, queue_seconds_, compute_seconds_;
  int connections_ = 0;

  static void write(std::string& text, const std::string& name, const std::string& help, const Histograms& histograms,
                    const std::vector<double>& bounds);
};

}  // namespace labkit
