#include "io/state_json.hpp"

#include "core/config.hpp"

#define JSON_DIAGNOSTICS 1  // errors name the place: (/hosts/3/mac)
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

namespace solicitd {

namespace {

using Json = nlohmann::ordered_json;
using io::StateFormatError;

Json text_or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

std::string text_or_empty(const Json& value) {
    return value.is_null() ? std::string() : value.get<std::string>();
}

/// Of lists and objects in one another; ours has 5. To copy, as ordered_json does when it grows,
/// and to dump a value is recursive: without a limit, a document could overflow the stack.
constexpr int kDeepest = 32;

bool limit_depth(int depth, Json::parse_event_t /*event*/, Json& /*parsed*/) {
    if (depth > kDeepest) {
        throw StateFormatError("more than " + std::to_string(kDeepest) +
                               " lists and objects in one another");
    }
    return true;
}

/// nlohmann would cut a number that does not fit.
template <typename Number>
Number number(const Json& object, const char* key) {
    const Json& value = object.at(key);
    if (value.is_number_unsigned()) {
        const auto wide = value.get<std::uint64_t>();
        if (wide <= static_cast<std::uint64_t>(std::numeric_limits<Number>::max())) {
            return static_cast<Number>(wide);
        }
    } else if (std::is_same_v<Number, std::int64_t> && value.is_number_integer()) {
        return value.get<Number>();
    }
    throw StateFormatError(std::string("\"") + key + "\" must be a whole number up to " +
                           std::to_string(std::numeric_limits<Number>::max()) + ", but is " +
                           value.dump());
}

std::chrono::seconds seconds(const Json& object, const char* key) {
    return std::chrono::seconds(number<std::int64_t>(object, key));
}

/// Whether the key has a value: earlier releases did not write it, or it is null.
bool has(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && !found->is_null();
}

std::size_t number_or_zero(const Json& object, const char* key) {
    return has(object, key) ? number<std::size_t>(object, key) : 0;
}

Json seconds_or_null(const std::optional<std::chrono::seconds>& seconds) {
    return seconds ? Json(seconds->count()) : Json(nullptr);
}

std::optional<std::chrono::seconds> seconds_or_none(const Json& object, const char* key) {
    return has(object, key) ? std::optional(seconds(object, key)) : std::nullopt;
}

}  // namespace

// Static, and not in a nameless namespace: nlohmann looks for them in that of their types.

static void to_json(Json& json, const StateSnapshot::Interface& interface) {
    json = {{"name", interface.name},
            {"index", interface.index == 0 ? Json(nullptr) : Json(interface.index)},
            {"state", interface.state},
            {"mac", text_or_null(interface.mac)}};
}

static void from_json(const Json& json, StateSnapshot::Interface& interface) {
    json.at("name").get_to(interface.name);
    interface.index = json.at("index").is_null() ? 0 : number<std::uint32_t>(json, "index");
    json.at("state").get_to(interface.state);
    interface.mac = text_or_empty(json.at("mac"));
}

static void to_json(Json& json, const StateSnapshot::Prefix& prefix) {
    json = {{"prefix", prefix.prefix}, {"source", prefix.source}};
}

static void from_json(const Json& json, StateSnapshot::Prefix& prefix) {
    json.at("prefix").get_to(prefix.prefix);
    json.at("source").get_to(prefix.source);
}

static void to_json(Json& json, const StateSnapshot::Group& group) {
    json = {{"group", group.group},
            {"state", group.state},
            {"hosts", group.hosts},
            {"errno", group.error},
            {"leased", group.leased},
            {"asked", group.asked},
            {"last_asked", seconds_or_null(group.last_asked)},
            {"held_for", group.held_for.count()}};
}

static void from_json(const Json& json, StateSnapshot::Group& group) {
    json.at("group").get_to(group.group);
    json.at("state").get_to(group.state);
    group.hosts = number<std::size_t>(json, "hosts");
    group.leased = json.value("leased", false);
    group.error = number<int>(json, "errno");
    if (has(json, "asked")) {
        group.asked = number<std::uint64_t>(json, "asked");
    }
    group.last_asked = seconds_or_none(json, "last_asked");
    group.held_for = seconds_or_none(json, "held_for").value_or(std::chrono::seconds::zero());
}

static void to_json(Json& json, const StateSnapshot::Querier& querier) {
    const auto if_heard = [&](auto value) {
        return querier.address.empty() ? Json(nullptr) : Json(value);
    };
    json = {{"state", querier.state},
            {"address", text_or_null(querier.address)},
            {"version", if_heard(querier.version)},
            {"robustness", if_heard(querier.robustness)},
            {"interval", if_heard(querier.interval.count())},
            {"last_heard", seconds_or_null(querier.last_heard)}};
}

static void from_json(const Json& json, StateSnapshot::Querier& querier) {
    json.at("state").get_to(querier.state);
    querier.address = text_or_empty(json.at("address"));
    if (!querier.address.empty()) {
        querier.version = number<int>(json, "version");
        querier.robustness = number<int>(json, "robustness");
        querier.interval = seconds(json, "interval");
        querier.last_heard = seconds_or_none(json, "last_heard");
    }
}

static void to_json(Json& json, const StateSnapshot::Upstream& upstream) {
    to_json(json, upstream.interface);
    json["downstreams"] = upstream.downstreams;
    json["prefixes"] = upstream.prefixes;
    json["querier"] = upstream.querier;
    json["report_version"] = upstream.report_version;
    json["problems"] = upstream.problems;
    json["groups"] = upstream.groups;
}

static void from_json(const Json& json, StateSnapshot::Upstream& upstream) {
    from_json(json, upstream.interface);
    json.at("downstreams").get_to(upstream.downstreams);
    json.at("prefixes").get_to(upstream.prefixes);
    if (has(json, "querier")) {
        json.at("querier").get_to(upstream.querier);
    }
    if (has(json, "report_version")) {
        upstream.report_version = number<int>(json, "report_version");
    }
    if (has(json, "problems")) {
        json.at("problems").get_to(upstream.problems);
    }
    json.at("groups").get_to(upstream.groups);
}

static void to_json(Json& json, const StateSnapshot::Host& host) {
    json = {{"address", host.address},
            {"downstream", host.downstream},
            {"mac", text_or_null(host.mac)},
            {"state", host.state},
            {"evidence", host.evidence},
            {"known", host.known.count()},
            {"silent", host.silent.count()},
            {"joined", host.joined},
            {"group", host.group}};
}

static void from_json(const Json& json, StateSnapshot::Host& host) {
    json.at("address").get_to(host.address);
    json.at("downstream").get_to(host.downstream);
    host.mac = text_or_empty(json.at("mac"));
    json.at("state").get_to(host.state);
    json.at("evidence").get_to(host.evidence);
    host.known = seconds(json, "known");
    host.silent = seconds(json, "silent");
    json.at("joined").get_to(host.joined);
    json.at("group").get_to(host.group);
}

static void to_json(Json& json, const StateSnapshot& state) {
    json = {{"format_version", io::kStateFormatVersion},
            {"version", state.version},
            {"pid", state.pid},
            {"written_at", state.written_at},
            {"uptime", state.uptime.count()},
            {"ready", state.ready},
            {"host_timeout", state.host_timeout.count()},
            {"linger", state.linger.count()},
            {"max_hosts", state.max_hosts},
            {"max_groups", state.max_groups},
            {"max_hosts_per_mac", state.max_hosts_per_mac},
            {"announce", state.announce},
            {"announce_interval", state.announce_interval.count()},
            {"upstreams", state.upstreams},
            {"downstreams", state.downstreams},
            {"hosts", state.hosts},
            {"counters", state.counters}};
}

static void from_json(const Json& json, StateSnapshot& state) {
    json.at("version").get_to(state.version);
    state.pid = number<std::uint32_t>(json, "pid");
    state.written_at = number<std::int64_t>(json, "written_at");
    state.uptime = seconds(json, "uptime");
    json.at("ready").get_to(state.ready);
    state.host_timeout = seconds(json, "host_timeout");
    state.linger = seconds(json, "linger");
    state.max_hosts = number<std::size_t>(json, "max_hosts");
    state.max_groups = number_or_zero(json, "max_groups");
    state.max_hosts_per_mac = number_or_zero(json, "max_hosts_per_mac");
    state.announce = json.value("announce", "");
    state.announce_interval =
        seconds_or_none(json, "announce_interval").value_or(std::chrono::seconds::zero());
    json.at("upstreams").get_to(state.upstreams);
    json.at("downstreams").get_to(state.downstreams);
    json.at("hosts").get_to(state.hosts);
    const Json& counters = json.at("counters");
    for (const auto& [name, value] : counters.get_ref<const Json::object_t&>()) {
        state.counters[name] = number<std::uint64_t>(counters, name.c_str());
    }
}

namespace io {

std::string to_json(const StateSnapshot& state) {
    // Interface names are bytes: what is not UTF-8 in them is replaced, not thrown at us.
    return Json(state).dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

StateSnapshot state_from_json(std::string_view text) {
    const std::string refusal = "not a state document of solicitd: ";
    try {
        const Json json = Json::parse(text, limit_depth);
        const int version = number<int>(json, "format_version");
        if (version != kStateFormatVersion) {
            throw StateFormatError("it has format version " + std::to_string(version) +
                                   ", this program reads " + std::to_string(kStateFormatVersion));
        }
        return json.get<StateSnapshot>();
    } catch (const Json::exception& error) {
        const std::string what = error.what();  // "[json.exception.type_error.302] ..."
        const std::size_t tag = what.find("] ");
        throw StateFormatError(refusal +
                               one_line(tag == std::string::npos ? what : what.substr(tag + 2)));
    } catch (const StateFormatError& error) {
        throw StateFormatError(refusal + one_line(error.what()));
    }
}

}  // namespace io

}  // namespace solicitd
