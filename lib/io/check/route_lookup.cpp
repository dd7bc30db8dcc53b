#include "io/check/route_lookup.hpp"

#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <sys/socket.h>

#include <new>

#include "io/route_socket.hpp"

namespace solicitd::io {

Ifindex find_route(const Ipv6Address& destination) {
    const NlMessage request(nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST));
    rtmsg header{};
    header.rtm_family = AF_INET6;
    header.rtm_dst_len = 128;
    if (!request || nlmsg_append(request.get(), &header, sizeof header, NLMSG_ALIGNTO) < 0 ||
        nla_put(request.get(), RTA_DST, static_cast<int>(destination.bytes.size()),
                destination.bytes.data()) < 0) {
        throw std::bad_alloc();
    }
    Ifindex out = 0;
    const NlSocket socket = open_route_socket();
    nl_socket_modify_cb(
        socket.get(), NL_CB_VALID, NL_CB_CUSTOM,
        [](nl_msg* message, void* context) -> int {
            const nlattr* const oif = nlmsg_find_attr(nlmsg_hdr(message), sizeof(rtmsg), RTA_OIF);
            if (oif != nullptr && nla_len(oif) >= static_cast<int>(sizeof(Ifindex))) {
                *static_cast<Ifindex*>(context) = nla_get_u32(oif);
            }
            return NL_OK;
        },
        &out);
    check_netlink("ask the kernel for a route",
                  [&] { return nl_send_auto(socket.get(), request.get()); });
    // An error is the kernel's answer, too: there is no route.
    (void)nl_recvmsgs_default(socket.get());
    return out;
}

}  // namespace solicitd::io
