#pragma once

#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <cerrno>
#include <memory>
#include <new>
#include <string>
#include <system_error>

namespace solicitd::io {

struct NlSocketDeleter {
    void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
using NlSocket = std::unique_ptr<nl_sock, NlSocketDeleter>;

struct NlMessageDeleter {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using NlMessage = std::unique_ptr<nl_msg, NlMessageDeleter>;

/// Calls a function of libnl, and throws std::system_error when it fails to do `what`: with the
/// errno of its system call, as libnl's own codes tell fewer cases apart; otherwise with EIO and
/// libnl's words.
template <typename Function>
void check_netlink(const std::string& what, const Function& function) {
    errno = 0;
    const int result = function();
    if (result >= 0) {
        return;
    }
    const int error = errno;
    throw std::system_error(
        error != 0 ? error : EIO, std::generic_category(),
        "cannot " + what +
            (error == EAFNOSUPPORT ? ", which systemd allows by RestrictAddressFamilies=AF_NETLINK"
             : error == 0          ? std::string(" (") + nl_geterror(result) + ')'
                                   : ""));
}

/// A connected rtnetlink socket that asks for no acknowledgment by itself. Throws
/// std::system_error with the remedy.
inline NlSocket open_route_socket() {
    NlSocket socket(nl_socket_alloc());
    if (!socket) {
        throw std::bad_alloc();
    }
    nl_socket_disable_auto_ack(socket.get());
    check_netlink("open a route netlink socket",
                  [&] { return nl_connect(socket.get(), NETLINK_ROUTE); });
    return socket;
}

}  // namespace solicitd::io
