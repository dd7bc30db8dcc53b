#include "journal_text.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "core/wording.hpp"

namespace solicitd {

namespace {

/// What to do about a join that the kernel refuses, where that is known.
std::string_view remedy(int error) {
    switch (error) {
        case ENODEV:
            return "; IPv6 may be off there: see net.ipv6.conf.*.disable_ipv6 and the MTU (1280 at "
                   "least)";
        case ENOMEM:
        case ENOBUFS: return "; the kernel is short of memory for sockets: see net.core.optmem_max";
        case EMFILE:
        case ENFILE: return "; out of file descriptors: raise LimitNOFILE= of the service";
        default: return "";
    }
}

/// Packets that we send need an entry there as well.
constexpr std::string_view kIfTheTableIsFull =
    "; if it goes on, the neighbor table is full (dmesg: neighbor table overflow): raise "
    "net.ipv6.neigh.default.gc_thresh3";

/// What to do about a report of ours that the kernel refuses to send, where that is known.
std::string remedy_for_reports(int error) {
    switch (error) {
        case EPERM:
        case EACCES:
            return fmt::format(
                "; a firewall of this machine (or IPAddressDeny= of the service) "
                "drops them: {}",
                kAllowMld);
        case EINVAL:  // kernel: ip6_finish_output2, or an address that DAD is not done with
            return std::string(kIfTheTableIsFull);
        default: return "";
    }
}

/// What to do about a host that cannot be asked, where that is known.
std::string_view remedy_for_probes(int error) {
    switch (error) {
        case EPERM:
        case EACCES:
            return "; a firewall of this machine (or IPAddressDeny= of the service) drops the "
                   "question: allow outgoing ICMPv6 type 135";
        case EADDRNOTAVAIL: return "; the interface has no link-local address to ask from";
        case EINVAL:  // kernel: ip6_finish_output2, or an address that DAD is not done with
            return kIfTheTableIsFull;
        default: return "";
    }
}

std::string joined_text(const std::string& group, const std::string& interface,
                        const std::string& host, const Notice& notice) {
    if (!host.empty()) {
        return fmt::format("joined {} on {} for {} ({})", group, interface, host,
                           notice.evidence ? to_string(*notice.evidence) : "");
    }
    return fmt::format("joined {} on {}{}", group, interface,
                       notice.evidence == Evidence::mld_report ? " (reported on the LAN)" : "");
}

std::string left_text(const std::string& group, const std::string& interface,
                      const std::string& host, const Notice& notice) {
    if (!host.empty()) {
        return fmt::format("left {} on {}: nobody is left of it, last was {}", group, interface,
                           host);
    }
    return fmt::format("left {} on {}: {}", group, interface,
                       notice.evidence == Evidence::mld_report
                           ? "not reported on the LAN any more, or of a link-local address only"
                       : notice.evidence == Evidence::saved ? "none of its hosts was seen"
                                                            : "nobody is left of it");
}

std::string besides_text(const Notice& notice) {
    return notice.interval > std::chrono::seconds::zero()
               ? fmt::format(" in the last {} s, besides those told", notice.interval.count())
               : std::string();
}

/// What there was of each, from ": " or "; " on.
std::string refusals_text(const Refusals& refusals) {
    std::string text;
    const auto add = [&](std::uint64_t count, std::string_view what) {
        if (count > 0) {
            text += fmt::format("{}{} {}", text.empty() ? ": " : ", ", plural(count, "time"), what);
        }
    };
    add(refusals.hosts_by_max_hosts, "for a host (max-hosts)");
    add(refusals.hosts_by_mac, "for a host of a MAC with many (max-hosts-per-mac)");
    add(refusals.hosts_by_max_groups, "for the group of a host (max-groups)");
    add(refusals.reports, "for a group that the LAN reported (max-groups)");
    add(refusals.prefixes, "for a prefix (64 on-link routes)");
    std::vector<std::string> evicted;
    for (const auto& [count, what] :
         {std::pair(refusals.hosts_evicted, "host"), std::pair(refusals.groups_evicted, "group")}) {
        if (count > 0) {
            evicted.push_back(plural(count, what));
        }
    }
    if (!evicted.empty()) {
        text += fmt::format("{}{} made room for what is newer or better known",
                            text.empty() ? ": " : "; ", fmt::join(evicted, " and "));
    }
    return text;
}

}  // namespace

spdlog::level::level_enum level_of(NoticeKind kind) {
    switch (kind) {
        case NoticeKind::joined:
        case NoticeKind::joined_many:
        case NoticeKind::left:
        case NoticeKind::left_many:
        case NoticeKind::join_recovered:
        case NoticeKind::querier_found:
        case NoticeKind::querier_back:
        case NoticeKind::report_recovered:
        case NoticeKind::reports_pass:
        case NoticeKind::groups_inherited:
        case NoticeKind::interface_usable:
        case NoticeKind::prefix_added:
        case NoticeKind::prefix_removed: return spdlog::level::info;
        case NoticeKind::groups_lost:
        case NoticeKind::querier_lost:
        case NoticeKind::reports_discarded:
        case NoticeKind::interface_without_ipv6:
        case NoticeKind::interface_waiting:
        case NoticeKind::interface_down:
        case NoticeKind::interface_lost:
        case NoticeKind::bridge_port:
        case NoticeKind::no_prefix:
        case NoticeKind::probe_failed:
        case NoticeKind::refused: return spdlog::level::warn;
        case NoticeKind::report_failed:
        case NoticeKind::join_failed: return spdlog::level::err;
        case NoticeKind::announced:
        case NoticeKind::lan_asked:
        case NoticeKind::host_confirmed:
        case NoticeKind::host_silent:
        case NoticeKind::host_gone: return spdlog::level::debug;
    }
    return spdlog::level::info;
}

io::Record journal_record(const Notice& notice) {
    io::Record record;
    const std::string& interface = notice.interface;
    const std::string group = notice.group ? notice.group->address().to_string() : "";
    const std::string host = notice.host ? notice.host->to_string() : "";
    const std::string mac = notice.mac ? notice.mac->to_string() : "";
    const std::string prefix = notice.prefix ? notice.prefix->to_string() : "";
    const std::string_view evidence = notice.evidence ? to_string(*notice.evidence) : "";
    const std::string version =
        notice.version ? std::to_string(static_cast<int>(*notice.version)) : "";

    record.level = level_of(notice.kind);
    const auto say = [&](std::string_view id, std::string text) {
        record.message_id = id;
        record.text = std::move(text);
    };
    switch (notice.kind) {
        case NoticeKind::joined:
            say("a730dca39fc948aba58c60b7006f9eaa", joined_text(group, interface, host, notice));
            break;
        case NoticeKind::joined_many:
            say("3422c4deb5c240c4a3af1d5e4a1cdcd1",
                fmt::format("joined {} on {}{}", plural(notice.count, "group"), interface,
                            besides_text(notice)));
            break;
        case NoticeKind::left:
            say("c164835c98a645ff9d493a5105b20c95", left_text(group, interface, host, notice));
            break;
        case NoticeKind::left_many:
            say("f852fce50b7346f4a10d295f25ccbfe2",
                fmt::format("left {} on {}{}", plural(notice.count, "group"), interface,
                            besides_text(notice)));
            break;
        case NoticeKind::join_failed:
            say("cdfb7225153647e4bab387c7fbed34bf",
                fmt::format("cannot join {} on {}{}{}: {}; trying again, ever less often up to "
                            "once a minute{}",
                            group, interface, host.empty() ? "" : " for ", host,
                            std::strerror(notice.error), remedy(notice.error)));
            break;
        case NoticeKind::join_recovered:
            say("cc5a3563d16a4c58a0e4e0e2e01e4506",
                fmt::format("all groups that could not be joined on {} are joined now", interface));
            break;
        case NoticeKind::groups_lost:
            say("ee0eaa1e49124a1985978c0a7207672f",
                fmt::format("the kernel had lost {} on {} (IPv6 off for a moment, or another "
                            "interface in its place): joined again",
                            plural(notice.count, "group"), interface));
            break;
        case NoticeKind::groups_inherited:
            say("a1fe7da5582b4916bc074fd67197079b",
                fmt::format("keeps {} on {} that an earlier run held for hosts it did not save",
                            plural(notice.count, "group"), interface));
            break;
        case NoticeKind::interface_without_ipv6:
            say("06ac29fb8ff747489d72ad8e6dbdb76c",
                fmt::format("{} has no IPv6, because its MTU is below 1280: its groups are joined "
                            "again when it has",
                            interface));
            break;
        case NoticeKind::interface_waiting:
            say("2649aa4521fd472589a4279e4cc5d309",
                fmt::format("waiting for interface {}, which does not exist yet", interface));
            break;
        case NoticeKind::interface_usable:
            say("e32613e13e844315b7e8771eb367d5e3", fmt::format("{} is up", interface));
            break;
        case NoticeKind::interface_down:
            say("4b8ee8658ed34fd8bc39dfc835a2ef23",
                fmt::format("{} is down or has no carrier: waiting for it", interface));
            break;
        case NoticeKind::interface_lost:
            say("327d47e291cc4ffa8ce48a75da06e505",
                fmt::format("{} is gone (deleted or renamed): waiting for it to come back",
                            interface));
            break;
        case NoticeKind::bridge_port:
            say("51fc5ecdef524bdba5f5c3883de50cbf",
                fmt::format("{} is a port of a bridge, which takes its packets first: name the "
                            "bridge as the downstream instead",
                            interface));
            break;
        case NoticeKind::prefix_added:
            say("98c929fc2ea149febbdedca7c0156977",
                fmt::format("{} is on-link on {}: hosts with it are served", prefix, interface));
            break;
        case NoticeKind::prefix_removed:
            say("4b8a889c2c6e4e10872ac9f827ad78f2",
                fmt::format("{} is not on-link on {} any more: hosts with it are not served",
                            prefix, interface));
            break;
        case NoticeKind::no_prefix:
            say("bd771106e51d405e841cebc4c9ae16a9",
                fmt::format("{} has no on-link prefix: no host can be served before it gets an "
                            "address with one, or an on-link route; --prefix would name one",
                            interface));
            break;
        case NoticeKind::host_confirmed:
            say("3ebcb901e1874635910984cb3da25f35",
                fmt::format("{} on {} is in use ({})", host, interface, evidence));
            break;
        case NoticeKind::host_silent:
            say("7e8239ba068a49c7b0abb1b0f46e70e0",
                fmt::format("{} on {} does not answer; kept for the linger", host, interface));
            break;
        case NoticeKind::host_gone:
            say("fd98f04a8d6341e79896ebdb0c47c798",
                fmt::format("{} on {} is gone", host, interface));
            break;
        case NoticeKind::querier_found:
            say("7ed0c488dfb846a48cd10cced2ebcf68",
                fmt::format("the MLD querier on {} is {} (version {})", interface, host, version));
            break;
        case NoticeKind::querier_back:
            say("1b9add2bd7e149048ba8ca85d4799c95",
                fmt::format("an MLD querier is heard on {} again: {} (version {})", interface, host,
                            version));
            break;
        case NoticeKind::querier_lost:
            say("32a4ee6ecc4248a9ae14dd194c095e35",
                fmt::format("no MLD querier is heard on {}: {}", interface,
                            notice.interval == std::chrono::seconds::zero()
                                ? "a snooper may forget its groups, and announce = \"never\" does "
                                  "not remind it"
                                : fmt::format("its groups are announced every {} s, so that no "
                                              "snooper forgets them",
                                              notice.interval.count())));
            break;
        case NoticeKind::announced:
            say("3a7d29f7af6749f0b1265e25c227134e",
                fmt::format("announces {} on {} ({})", plural(notice.count, "group"), interface,
                            notice.reason));
            break;
        case NoticeKind::report_failed:
            say("28ba69457f4f451f816e307880a9353d",
                fmt::format("cannot send MLD reports on {}: {}; trying again, ever less often up "
                            "to once a minute{}",
                            interface, std::strerror(notice.error),
                            remedy_for_reports(notice.error)));
            break;
        case NoticeKind::report_recovered:
            say("9c383d85a3974c109d3d6cdb7a8c599b",
                fmt::format("MLD reports can be sent on {} again", interface));
            break;
        case NoticeKind::reports_discarded:
            say("9ef5dada4ea7432d810584eb4ce2ec40",
                fmt::format("MLD reports do not get out on {}: {} dropped, as by a firewall of "
                            "this machine; {}",
                            interface, plural(notice.count, "packet"), kAllowMld));
            break;
        case NoticeKind::reports_pass:
            say("5abd2ede01b94b51a098aa68c0a61100",
                fmt::format("MLD reports get out on {} again", interface));
            break;
        case NoticeKind::probe_failed:
            say("7ac171fcb80441228b31b0a3438eb5d6",
                fmt::format("cannot ask {} on {} whether it is there: {}; it is kept{}", host,
                            interface, std::strerror(notice.error),
                            remedy_for_probes(notice.error)));
            break;
        case NoticeKind::lan_asked:
            say("24ac738e61bf498f92c3995d2bbdec83",
                fmt::format("{} is wanted on {} and known of nobody: the LAN is asked for it", host,
                            interface));
            break;
        case NoticeKind::refused:
            say("7e7a9363c0c549f0b884ff73e9027f2b",
                fmt::format("no room{}; the last was {} on {}", refusals_text(notice.refusals),
                            notice.prefix ? prefix
                                          : fmt::format("{}of {}", host.empty() ? "" : host + " ",
                                                        mac.empty() ? "no MAC" : mac),
                            interface));
            break;
    }
    const auto field = [&](std::string_view name, std::string_view value) {
        if (!value.empty()) {
            record.fields.emplace_back(name, value);
        }
    };
    field("INTERFACE", interface);
    field("HOST", host);
    field("MAC", mac);
    field("GROUP", group);
    field("PREFIX", prefix);
    field("EVIDENCE", evidence);
    field("VERSION", version);
    field("REASON", notice.reason);
    return record;
}

}  // namespace solicitd
