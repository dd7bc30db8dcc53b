#include "io/check/link_survey.hpp"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <variant>

#include "io/netlink_decode.hpp"
#include "io/route_socket.hpp"

namespace solicitd::io {
namespace {

constexpr int kAttempts = 4;  // of one dump, while what it tells changes meanwhile

/// Takes what a dump says into the survey; anything else it was not asked for.
struct Taker {
    LinkSurvey& survey;

    void operator()(const LinkSeen& link) { survey.links.push_back(link); }
    void operator()(const AddressSeen& address) { survey.addresses.push_back(address); }
    void operator()(const RouteSeen& route) { survey.routes.push_back(route.route); }
    template <typename Other>
    void operator()(const Other& /*event*/) {}
};

/// decode_netlink passes over proxy entries: they prove nothing about a host.
bool take_proxy_entry(const nlmsghdr& message, LinkSurvey& survey) {
    if (message.nlmsg_type != RTM_NEWNEIGH || nlmsg_valid_hdr(&message, sizeof(ndmsg)) == 0) {
        return false;
    }
    const auto* header = static_cast<const ndmsg*>(nlmsg_data(&message));
    if (header->ndm_family == AF_INET6 && (header->ndm_flags & NTF_PROXY) != 0) {
        ++survey.proxy_entries[static_cast<Ifindex>(header->ndm_ifindex)];
    }
    return true;
}

int take(nl_msg* received, void* context) {
    auto& survey = *static_cast<LinkSurvey*>(context);
    const nlmsghdr& message = *nlmsg_hdr(received);
    if (!take_proxy_entry(message, survey)) {
        if (const auto event = decode_netlink(message)) {
            std::visit(Taker{survey}, *event);
        }
    }
    return NL_OK;
}

template <typename Header>
LinkSurvey dump(int type, Header header) {
    LinkSurvey answer;
    check_netlink("ask the kernel for its interfaces", [&] {
        int result = -NLE_DUMP_INTR;
        for (int attempt = 0; attempt < kAttempts && result == -NLE_DUMP_INTR; ++attempt) {
            answer = {};
            const NlSocket socket = open_route_socket();
            nl_socket_modify_cb(socket.get(), NL_CB_VALID, NL_CB_CUSTOM, take, &answer);
            result = nl_send_simple(socket.get(), type, NLM_F_DUMP, &header, sizeof header);
            if (result >= 0) {
                result = nl_recvmsgs_default(socket.get());
            }
        }
        return result;
    });
    return answer;
}

}  // namespace

LinkSurvey survey_links() {
    ifinfomsg link{};
    ifaddrmsg address{};
    address.ifa_family = AF_INET6;
    rtmsg route{};
    route.rtm_family = AF_INET6;
    ndmsg proxy{};
    proxy.ndm_family = AF_INET6;
    proxy.ndm_flags = NTF_PROXY;
    return {dump(RTM_GETLINK, link).links, dump(RTM_GETADDR, address).addresses,
            dump(RTM_GETROUTE, route).routes, dump(RTM_GETNEIGH, proxy).proxy_entries};
}

}  // namespace solicitd::io
