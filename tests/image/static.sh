#!/usr/bin/env bash
# The static program: alone in an image that has nothing else, where it still finds hosts by name, and added to another image.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/container.sh"
export SANDWIRE_TOKEN=a-token-for-this-test SANDWIRE_URL=http://127.0.0.1:7070

# A network whose names are known to /etc/hosts and to a real name server, and a module that the C library would need.
empty_root() {
    local root=$home/bundle-server/rootfs
    unpack server
    [[ $(find "$root" -type f -printf '%P ') == "sandwire-server " ]] || fail "the target server has $(ls "$root")"
    mkdir -p "$root/etc"
    echo 'hosts: not-there' >"$root/etc/nsswitch.conf"
    echo '127.0.0.1 localhost in-hosts.example' >"$root/etc/hosts"
    printf 'nameserver 127.0.0.53\nsearch cluster.example\noptions ndots:2 timeout:1 attempts:1\n' >"$root/etc/resolv.conf"
    start server "SANDWIRE_TOKEN=$SANDWIRE_TOKEN" SANDWIRE_LISTEN=127.0.0.1:7070 'SANDWIRE_TCP_HOSTS=*'
    until_true "the server in an empty image" inside /sandwire-server health --listen 127.0.0.1:7070
    ok "it starts in an image that has nothing else, without a C library"
}

names() {
    local host page=$home/page
    mkdir -p "$page"
    echo found >"$page/index.html"
    # One listens where /etc/hosts says, the other only where the name server says.
    for host in 127.0.0.1 127.0.0.5; do
        start_beside python3 -m http.server --bind "$host" --directory "$page" 9000 >/dev/null 2>&1
    done
    start_beside dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file= \
        --bind-interfaces --listen-address=127.0.0.53 --local=/example/ --address=/in-dns.example/127.0.0.5 \
        --address=/short.cluster.example/127.0.0.5 >"$home/dnsmasq.log" 2>&1
    start_beside "$built/sandwire" forward 9001:localhost:9000 9002:in-hosts.example:9000 9003:in-dns.example:9000 \
        9004:short:9000 9005:nowhere.example:9000 >"$home/forward" 2>&1
    local port=9001
    for host in localhost in-hosts.example in-dns.example short; do
        until_true "tcp.connect to $host" beside curl -sf "http://127.0.0.1:$port/"
        port=$((port + 1))
    done
    beside curl -s http://127.0.0.1:9005/ && fail "a name that nobody knows leads somewhere"
    until_true "the reason" grep -q 'nowhere.example:9000: no host of this name is known.*CONNECT_FAILED' "$home/forward"
    ok "tcp.connect there: localhost, a name of /etc/hosts, one of DNS, one by the search list; and none that nobody knows"
}

# As README.md says.
added_to_another_image() {
    local line='COPY --from=sandwire:server /sandwire-server /usr/local/bin/'
    grep -qxF "$line" "$here/README.md" || fail "README.md does not say: $line"
    printf 'FROM localhost/debian\n%s\n' "${line/sandwire:server/localhost/sandwire:server}" >"$home/Added"
    buildah build --pull-never --tag localhost/sandwire:added --file "$home/Added" "$home/page" >/dev/null 2>&1 ||
        fail "the line of README.md does not build"
    local work said
    work=$(buildah from --pull-never localhost/sandwire:added)
    said=$(buildah run "$work" -- sandwire-server --version)
    buildah rm "$work" >/dev/null
    ok "'$line' adds it to another image: $said"
}

empty_root
names
added_to_another_image
