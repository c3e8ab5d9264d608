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
	portsMu sync.Mutex
	taken   = map[int]bool{}
)

// FreeAddress returns a loopback address without a listener, and never the same one twice.
func FreeAddress() (string, error) {
	portsMu.Lock()
	defer portsMu.Unlock()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if taken[port] {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return "", fmt.Errorf("release %s: %w", address, err)
		}
		taken[port] = true
		return address, nil
	}
	return "", errors.New("find a free loopback port: all that were tried are taken")
}
