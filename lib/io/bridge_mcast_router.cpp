#include "io/bridge_mcast_router.hpp"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include <cerrno>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

#include "io/route_socket.hpp"

namespace solicitd::io {
namespace {

constexpr std::string_view kBridgeKind = "bridge";

[[noreturn]] void fail(int error, const char* what, Ifindex bridge) {
    throw std::system_error(
        error, std::generic_category(),
        std::string(what) + " multicast_router of interface " + std::to_string(bridge));
}

/// libnl folds the kernel's errors into fewer of its own; these are the kernel's.
struct Reply {
    int error = 0;  ///< errno
    std::optional<McastRouter> value;
};

/// IFLA_LINKINFO { IFLA_INFO_KIND "bridge", IFLA_INFO_DATA { IFLA_BR_MCAST_ROUTER } }
std::optional<McastRouter> find_mcast_router(nlmsghdr* header) {
    nlattr* const info = nlmsg_find_attr(header, sizeof(ifinfomsg), IFLA_LINKINFO);
    nlattr* const kind =
        info ? nla_find(static_cast<nlattr*>(nla_data(info)), nla_len(info), IFLA_INFO_KIND)
             : nullptr;
    if (kind == nullptr || nla_strcmp(kind, kBridgeKind.data()) != 0) {
        return std::nullopt;
    }
    nlattr* const data =
        nla_find(static_cast<nlattr*>(nla_data(info)), nla_len(info), IFLA_INFO_DATA);
    nlattr* const router =
        data ? nla_find(static_cast<nlattr*>(nla_data(data)), nla_len(data), IFLA_BR_MCAST_ROUTER)
             : nullptr;
    if (router == nullptr || nla_len(router) < 1) {
        return std::nullopt;
    }
    return static_cast<McastRouter>(nla_get_u8(router));
}

/// A request about a link. Without further flags the kernel answers a get with the link and a
/// change with nothing; NLM_F_ACK makes it answer.
NlMessage link_request(int type, int flags, Ifindex index) {
    NlMessage message(nlmsg_alloc_simple(type, NLM_F_REQUEST | flags));
    ifinfomsg link{};
    link.ifi_family = AF_UNSPEC;
    link.ifi_index = static_cast<int>(index);
    if (!message || nlmsg_append(message.get(), &link, sizeof link, NLMSG_ALIGNTO) < 0) {
        throw std::bad_alloc();
    }
    return message;
}

/// The kernel has answered before the request's send() returns: nothing is waited for.
Reply ask_kernel(nl_msg& request) {
    const NlSocket socket = open_route_socket();
    Reply reply;
    nl_socket_modify_err_cb(
        socket.get(), NL_CB_CUSTOM,
        [](sockaddr_nl*, nlmsgerr* error, void* context) -> int {
            static_cast<Reply*>(context)->error = -error->error;
            return NL_STOP;
        },
        &reply);
    nl_socket_modify_cb(
        socket.get(), NL_CB_VALID, NL_CB_CUSTOM,
        [](nl_msg* message, void* context) -> int {
            static_cast<Reply*>(context)->value = find_mcast_router(nlmsg_hdr(message));
            return NL_OK;
        },
        &reply);
    check_netlink("ask the kernel about a bridge", [&] {
        const int sent = nl_send_auto(socket.get(), &request);
        const int result = sent < 0 ? sent : nl_recvmsgs_default(socket.get());
        return reply.error != 0 ? 0 : result;
    });
    return reply;
}

}  // namespace

McastRouter read_mcast_router(Ifindex bridge) {
    const NlMessage request = link_request(RTM_GETLINK, 0, bridge);
    const Reply reply = ask_kernel(*request);
    if (!reply.value) {
        fail(reply.error != 0 ? reply.error : EOPNOTSUPP, "cannot read", bridge);
    }
    return *reply.value;
}

void set_mcast_router(Ifindex bridge, McastRouter value) {
    const NlMessage request = link_request(RTM_NEWLINK, NLM_F_ACK, bridge);
    nlattr* const info = nla_nest_start(request.get(), IFLA_LINKINFO);
    nla_put_string(request.get(), IFLA_INFO_KIND, kBridgeKind.data());
    nlattr* const data = nla_nest_start(request.get(), IFLA_INFO_DATA);
    nla_put_u8(request.get(), IFLA_BR_MCAST_ROUTER, static_cast<std::uint8_t>(value));
    nla_nest_end(request.get(), data);
    nla_nest_end(request.get(), info);
    if (const Reply reply = ask_kernel(*request); reply.error != 0) {
        fail(reply.error, "cannot set", bridge);
    }
}

BridgeMcastRouter::BridgeMcastRouter(Ifindex bridge)
    : bridge_(bridge), former_(read_mcast_router(bridge)) {
    if (former_ == McastRouter::always) {
        return;
    }
    try {
        set_mcast_router(bridge_, McastRouter::always);
    } catch (...) {
        put_back();  // the kernel may have done it, and only its answer been lost
        throw;
    }
}

BridgeMcastRouter::~BridgeMcastRouter() {
    put_back();
}

void BridgeMcastRouter::put_back() const noexcept {
    try {
        if (former_ != McastRouter::always && read_mcast_router(bridge_) == McastRouter::always) {
            set_mcast_router(bridge_, former_);
        }
    } catch (const std::exception&) {
        // The bridge is gone, and its setting with it.
    }
}

}  // namespace solicitd::io
