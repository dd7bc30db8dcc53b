#include "state_table.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "core/ipv6_address.hpp"
#include "core/wording.hpp"

namespace solicitd {

namespace {

/// Rows under a heading; nothing at all without rows.
class Table {
public:
    using Row = std::vector<std::string>;

    explicit Table(Row heading) : rows_{std::move(heading)} {}

    void add(Row row) { rows_.push_back(std::move(row)); }

    [[nodiscard]] std::string render() const {
        if (rows_.size() == 1) {
            return "";
        }
        std::vector<std::size_t> widths(rows_.front().size());
        for (const Row& row : rows_) {
            for (std::size_t column = 0; column < row.size(); ++column) {
                widths[column] = std::max(widths[column], row[column].size());
            }
        }
        std::string text = "\n";
        for (const Row& row : rows_) {
            for (std::size_t column = 0; column + 1 < row.size(); ++column) {
                text += row[column];
                text.append(widths[column] - row[column].size() + 2, ' ');
            }
            text += row.back() + '\n';
        }
        return text;
    }

private:
    std::vector<Row> rows_;
};

/// The two largest units: "12s", "4m12s", "2h05m", "3d04h".
std::string age(std::chrono::seconds seconds) {
    const long long total = std::max<long long>(seconds.count(), 0);
    const auto pair = [](long long large, char large_unit, long long small, char small_unit) {
        char text[32];
        std::snprintf(text, sizeof text, "%lld%c%02lld%c", large, large_unit, small, small_unit);
        return std::string(text);
    };
    if (total < 60) {
        return std::to_string(total) + 's';
    }
    if (total < 3600) {
        return pair(total / 60, 'm', total % 60, 's');
    }
    if (total < 86'400) {
        return pair(total / 3600, 'h', total % 3600 / 60, 'm');
    }
    return pair(total / 86'400, 'd', total % 86'400 / 3600, 'h');
}

std::string or_dash(const std::string& text) {
    return text.empty() ? "-" : text;
}

std::string age_or_dash(const std::optional<std::chrono::seconds>& seconds) {
    return seconds ? age(*seconds) : "-";
}

/// By number, not by text: ::2 before ::10.
template <typename Item>
std::vector<Item> sorted_by_address(std::vector<Item> items, std::string Item::*address) {
    std::stable_sort(items.begin(), items.end(), [&](const Item& a, const Item& b) {
        return Ipv6Address::parse(a.*address) < Ipv6Address::parse(b.*address);
    });
    return items;
}

std::string describe_announcing(const StateSnapshot& state) {
    const std::string every = "announces every " + age(state.announce_interval);
    if (state.announce == "auto") {
        return every + " while no querier is heard\n";
    }
    if (state.announce == "always") {
        return every + '\n';
    }
    return state.announce == "never" ? "never announces\n" : "";
}

std::string render_summary(const StateSnapshot& state) {
    std::size_t groups = 0;
    std::size_t held = 0;
    for (const auto& upstream : state.upstreams) {
        groups += upstream.groups.size();
        held += static_cast<std::size_t>(
            std::count_if(upstream.groups.begin(), upstream.groups.end(),
                          [](const auto& group) { return group.state == "held"; }));
    }
    return "solicitd " + state.version + " (pid " + std::to_string(state.pid) + "), up " +
           age(state.uptime) + (state.ready ? ", ready\n" : ", still starting\n") +
           plural(state.hosts.size(), "host") + " (room for " + std::to_string(state.max_hosts) +
           "), " + plural(groups, "group") + " (" + std::to_string(held) + " held)" +
           (state.max_groups == 0
                ? ""
                : "; at most " + plural(state.max_groups, "group") + " an upstream, " +
                      plural(state.max_hosts_per_mac, "host") + " a MAC") +
           '\n' + "a host is asked after " + age(state.host_timeout) +
           " of silence, and left after " + age(state.linger) + " without an answer\n" +
           describe_announcing(state);
}

std::string render_interfaces(const StateSnapshot& state) {
    Table table({"INTERFACE", "STATE", "MAC", "ROLE"});
    const auto add = [&](const StateSnapshot::Interface& interface, const std::string& role) {
        table.add({interface.name, interface.state, or_dash(interface.mac), role});
    };
    for (const auto& upstream : state.upstreams) {
        std::string role = "upstream of";
        for (const std::string& downstream : upstream.downstreams) {
            role += ' ' + downstream;
        }
        add(upstream.interface, role);
    }
    for (const auto& downstream : state.downstreams) {
        add(downstream, "downstream");
    }
    return table.render();
}

std::string render_queriers(const StateSnapshot& state) {
    Table table({"UPSTREAM", "QUERIER", "ADDRESS", "VERSION", "HEARD", "REPORTS", "PROBLEMS"});
    const auto version = [](int number) { return 'v' + std::to_string(number); };
    for (const auto& upstream : state.upstreams) {
        const auto& querier = upstream.querier;
        std::string problems;
        for (const std::string& problem : upstream.problems) {
            problems += (problems.empty() ? "" : ", ") + problem;
        }
        table.add({upstream.interface.name, querier.state, or_dash(querier.address),
                   querier.version == 0 ? "-" : version(querier.version),
                   age_or_dash(querier.last_heard), version(upstream.report_version),
                   or_dash(problems)});
    }
    return table.render();
}

std::string render_prefixes(const StateSnapshot& state) {
    Table table({"PREFIX", "UPSTREAM", "SOURCE"});
    for (const auto& upstream : state.upstreams) {
        for (const auto& prefix : upstream.prefixes) {
            table.add({prefix.prefix, upstream.interface.name, prefix.source});
        }
        if (upstream.prefixes.empty()) {
            table.add({"none", upstream.interface.name, "nothing can be joined"});
        }
    }
    return table.render();
}

std::string render_hosts(const StateSnapshot& state) {
    Table table({"HOST", "DOWNSTREAM", "STATE", "SILENT", "KNOWN", "EVIDENCE", "JOINED", "MAC"});
    for (const auto& host : sorted_by_address(state.hosts, &StateSnapshot::Host::address)) {
        // The router's own address is there as long as the kernel says so, and never asked.
        table.add({host.address, host.downstream, host.state,
                   host.state == "own" ? "-" : age(host.silent), age(host.known), host.evidence,
                   host.joined ? "yes" : "no", or_dash(host.mac)});
    }
    return table.render();
}

std::string render_groups(const StateSnapshot& state) {
    Table table({"GROUP", "UPSTREAM", "HOSTS", "ASKED", "LAST", "HELD", "STATE"});
    for (const auto& upstream : state.upstreams) {
        for (const auto& group : sorted_by_address(upstream.groups, &StateSnapshot::Group::group)) {
            const std::string reason =
                group.error == 0 ? "" : ": " + std::generic_category().message(group.error);
            table.add({group.group, upstream.interface.name, std::to_string(group.hosts),
                       std::to_string(group.asked), age_or_dash(group.last_asked),
                       group.state == "held" ? age(group.held_for) : "-", group.state + reason});
        }
    }
    return table.render();
}

std::string render_counters(const StateSnapshot& state) {
    Table table({"COUNTER", "VALUE"});
    for (const auto& [name, value] : state.counters) {
        if (value != 0) {
            table.add({name, std::to_string(value)});
        }
    }
    return table.render();
}

}  // namespace

std::string render_table(const StateSnapshot& state) {
    std::string text = render_summary(state) + render_interfaces(state) + render_queriers(state) +
                       render_prefixes(state) + render_hosts(state) + render_groups(state) +
                       render_counters(state);
    // An interface may be named so that a terminal would obey it.
    std::replace_if(
        text.begin(), text.end(),
        [](char byte) { return (byte >= '\0' && byte < ' ' && byte != '\n') || byte == 0x7F; },
        '?');
    return text;
}

}  // namespace solicitd
