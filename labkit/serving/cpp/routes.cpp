#include "routes.h"

#include <charconv>
#include <cstdio>

#include "json.h"
#include "numbers.h"
#include "refusal.h"

namespace labkit {

using Path = std::vector<std::string>;

std::optional<std::string> decoded(std::string_view part) {
  std::string text;
  while (!part.empty()) {
    unsigned char letter = static_cast<unsigned char>(part[0]);
    std::size_t length = 1;
    if (letter == '%') {
      const char* digits = part.data() + 1;
      if (part.size() < 3 || std::from_chars(digits, digits + 2, letter, 16).ptr != digits + 2) return std::nullopt;
      length = 3;
    }
    text += static_cast<char>(letter);
    part.remove_prefix(length);
  }
  return text;
}

// "/v2/models/cnn?x=1" -> v2, models, cnn. Empty where a percent sign is followed by nonsense.
Path parts_of(std::string_view target) {
  Path path;
  target = target.substr(0, target.find('?'));
  while (!target.empty()) {
    target.remove_prefix(1);  // the slash
    const std::size_t end = std::min(target.find('/'), target.size());
    const auto part = decoded(target.substr(0, end));
    if (!part) return {};
    path.push_back(*part);
    target.remove_prefix(end);
  }
  return path;
}

Response refused(int status, const std::string& sentence) {
  Response response{status, error_body(sentence), "application/json", {}};
  if (status == 503) response.headers["Retry-After"] = "1";
  return response;
}

Response as_json(std::string body, int status = 200) { return {status, std::move(body), "application/json", {}}; }

// --- what can be asked

Response server_metadata(Service&) {
  return as_json("{\"name\":\"labkit\",\"version\":\"" LABKIT_VERSION "\",\"extensions\":[\"binary_tensor_data\"]}");
}

Response live(Service&) { return as_json("{\"live\":true}"); }

Response ready(Service& service) {
  return as_json(service.ready ? "{\"ready\":true}" : "{\"ready\":false}", service.ready ? 200 : 503);
}

Response metrics(Service& service) { return {200, service.metrics.as_text(), "text/plain; version=0.0.4", {}}; }

Response model_metadata(Model& model) { return as_json(model.metadata); }

Response model_ready(Service& service, Model& model) {
  return as_json("{\"name\":" + json::escaped(model.manifest.name) +
                     (service.ready ? ",\"ready\":true}" : ",\"ready\":false}"),
                 service.ready ? 200 : 503);
}

// A histogram of the labels that go out, where the model has labels and an output of that name.
void count_labels(const Model& model, const std::vector<Bytes>& outputs, Metrics& metrics) {
  const Manifest& manifest = model.manifest;
  for (std::size_t place = 0; place < outputs.size(); ++place) {
    const Tensor& tensor = manifest.outputs[place];
    if (tensor.name != "label" || tensor.shape.size() != 1 || tensor.datatype->kind == Kind::floating) continue;
    for (std::size_t row = 0; row < outputs[place].size() / tensor.datatype->bytes; ++row) {
      const auto index = static_cast<std::size_t>(integer_at(outputs[place].data(), row, *tensor.datatype));
      if (index < manifest.labels.size()) metrics.predicted(manifest.name, manifest.labels[index]);
    }
  }
}

asio::awaitable<Response> infer(Service& service, Model& model, const Request& request) {
  if (request.content_encoding && *request.content_encoding != "identity")
    throw Refusal("the body has the encoding " + json::quoted(std::string_view(*request.content_encoding)) +
                      "; send it as it is", 415);
  const Question question = decode(request.body, request.header_length, model.manifest);
  const std::vector<Bytes> outputs = co_await model.batcher->compute(question);
  count_labels(model, outputs, service.metrics);
  auto [body, json_length] = encode(question, outputs, model.manifest);
  Response response{200, std::move(body), json_length ? "application/octet-stream" : "application/json", {}};
  if (json_length) response.headers[std::string(header_length_name)] = std::to_string(*json_length);
  co_return response;
}

// --- finding it

Model& find(Service& service, const std::string& name, const std::optional<std::string>& version) {
  const auto model = service.models.find(name);
  std::string has;
  for (const auto& [known, unused] : service.models) has += (has.empty() ? "" : ", ") + known;
  if (model == service.models.end()) throw Refusal("there is no model '" + name + "'; this server has " + has, 404);
  const std::string& only = model->second->manifest.version;
  if (version && *version != only)
    throw Refusal("there is no version '" + *version + "' of model '" + name + "'; this server has " + only, 404);
  return *model->second;
}

void need(const Request& request, const std::string& method) {
  if (request.method != method) throw Refusal(request.method + " " + request.target + ": Method Not Allowed", 405);
}

// The four things that can be asked of a model: v2/models/NAME[/versions/VERSION][/ready or /infer].
asio::awaitable<Response> answer_for_model(Service& service, const Request& request, Path path) {
  const std::string name = path[2];
  path.erase(path.begin(), path.begin() + 3);
  std::optional<std::string> version;
  if (path.size() >= 2 && path[0] == "versions") {
    version = path[1];
    path.erase(path.begin(), path.begin() + 2);
  }
  const std::string what = path.empty() ? "" : path[0];
  if (path.size() > 1 || (!path.empty() && what != "ready" && what != "infer"))
    throw Refusal(request.method + " " + request.target + ": Not Found", 404);
  need(request, what == "infer" ? "POST" : "GET");
  Model& model = find(service, name, version);
  if (what == "infer") co_return co_await infer(service, model, request);
  co_return what == "ready" ? model_ready(service, model) : model_metadata(model);
}

asio::awaitable<Response> dispatch(Service& service, const Request& request, const Path& path) {
  static const std::map<Path, Response (*)(Service&)> pages{
      {{"v2"}, server_metadata}, {{"v2", ""}, server_metadata}, {{"v2", "health", "live"}, live},
      {{"v2", "health", "ready"}, ready}, {{"metrics"}, metrics},
  };
  if (path.size() >= 3 && path[0] == "v2" && path[1] == "models")
    co_return co_await answer_for_model(service, request, path);
  const auto page = pages.find(path);
  if (page == pages.end()) throw Refusal(request.method + " " + request.target + ": Not Found", 404);
  need(request, "GET");
  co_return page->second(service);
}

asio::awaitable<Response> answer(Service& service, const Request& request) {
  const Path path = parts_of(request.target);
  const bool is_infer = path.size() >= 4 && path.back() == "infer";
  Response response;
  try {
    response = co_await dispatch(service, request, path);
  } catch (const Refusal& refusal) {
    response = refused(refusal.status, refusal.what());
    if (refusal.status == 405) response.headers["Allow"] = is_infer ? "POST" : "GET";
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s %s: %s\n", request.method.c_str(), request.target.c_str(), error.what());
    response = refused(500, "the server failed; its log says how");
  }
  if (is_infer && service.models.contains(path[2])) service.metrics.answered(path[2], response.status);
  co_return response;
}

}  // namespace labkit
