package process

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are chosen below the range from which Linux takes the ports of outgoing connections (32768 and up): a client that
// keeps dialling a killed server must not be given that server's port itself, or the server could not come back.
const (
	firstPort = 20000
	lastPort  = 32767
)

var (
	claimsMu sync.Mutex
	claims   []net.PacketConn // open until this process ends
)

// FreeAddress returns a loopback address without a listener, and never one that another call has returned, in this process or in another that
// still runs: there may be no listener for seconds, before its server starts and while the server is restarted. What claims a TCP port is an open UDP
// socket with the same number.
func FreeAddress() (string, error) {
	claimsMu.Lock()
	defer claimsMu.Unlock()
	for range 1000 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+rand.IntN(lastPort-firstPort)))
		claim, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			_ = claim.Close()
			continue
		}
		claims = append(claims, claim)
		if err := l.Close(); err != nil {
			return "", fmt.Errorf("release %s: %w", address, err)
		}
		return address, nil
	}
	return "", errors.New("find a free loopback port: all that were tried are taken")
}
