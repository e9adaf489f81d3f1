#include "options.h"

#include <cstdlib>
#include <functional>
#include <map>

#include "refusal.h"

namespace labkit {

double number(const std::string& name, const std::string& text, double low, double high) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= low && value <= high))
    throw WrongUse("The option " + name + " takes a number from " + std::to_string(static_cast<long>(low)) + " to " +
                   std::to_string(static_cast<long>(high)) + ", and '" + text + "' is none.");
  return value;
}

Options read_options(int count, char** words) {
  Options options;
  auto whole = [](int& place, double low, double high) {
    return [&place, low, high](const std::string& name, const std::string& text) {
      double value = number(name, text, low, high);
      place = static_cast<int>(value);
      if (place != value) throw WrongUse("The option " + name + " takes a whole number, and '" + text + "' is none.");
    };
  };
  auto duration = [](Seconds& place, double unit) {
    return [&place, unit](const std::string& name, const std::string& text) {
      place = Seconds(unit * number(name, text, 0, 1e6));
    };
  };
  int seed = 0;
  const std::map<std::string, std::function<void(const std::string&, const std::string&)>> known{
      {"--host", [&](const std::string&, const std::string& text) { options.host = text; }},
      {"--port", whole(options.port, 0, 65535)},
      {"--max-batch", whole(options.max_batch, 1, 1024)},
      {"--max-delay-ms", duration(options.max_delay, 1e-3)},
      {"--max-queue", whole(options.max_queue, 1, 1e6)},
      {"--deadline-ms", duration(options.deadline, 1e-3)},
      {"--threads", whole(options.threads, 1, 1024)},
      {"--request-seconds", duration(options.request_time, 1)},
      {"--idle-seconds", duration(options.idle_time, 1)},
      {"--drain-seconds", duration(options.drain_time, 1)},
      {"--max-connections", whole(options.max_connections, 1, 1e6)},
      {"--parent", whole(options.parent, 0, 2e9)},
      {"--service-ms", duration(options.service_base, 1e-3)},
      {"--service-per-row-ms", duration(options.service_per_row, 1e-3)},
      {"--seed", whole(seed, 0, 2e9)},
      {"--service",
       [&](const std::string&, const std::string& text) {
         if (text != "constant" && text != "exponential")
           throw WrongUse("The option --service is 'constant' or 'exponential', not '" + text + "'.");
         options.exponential_service = text == "exponential";
       }},
  };
  for (int index = 1; index < count; ++index) {
    const std::string word = words[index];
    if (!word.starts_with("--")) {
      if (!options.directory.empty()) throw WrongUse("Give one model directory, and not also '" + word + "'.");
      options.directory = word;
      continue;
    }
    const auto option = known.find(word);
    if (option == known.end()) throw WrongUse("There is no option " + word + ".");
    if (++index == count) throw WrongUse("The option " + word + " needs a value behind it.");
    option->second(word, words[index]);
  }
  if (options.directory.empty()) throw WrongUse("Give a model directory. `labkit serve export-example DIR` writes one.");
  options.seed = static_cast<unsigned>(seed);
  return options;
}

}  // namespace labkit
