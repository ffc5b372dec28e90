// A libp2p peer of another make, which reads late: what a reset drops, it never sees.
//
// It prints a JSON object for each thing that happens: its address, each frame's payload, and how a stream
// ended. A line "<multiaddr> <protocol> <hex>" on its input makes it dial, open a stream and send the bytes. It
// ends with its input.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const late = 200 * time.Millisecond

var printing sync.Mutex

func say(event map[string]any) {
	printing.Lock()
	defer printing.Unlock()
	line, _ := json.Marshal(event)
	fmt.Println(string(line))
}

func read(stream network.Stream) {
	time.Sleep(late)
	reader := bufio.NewReader(stream)
	for {
		length, err := binary.ReadUvarint(reader)
		if err == nil {
			payload := make([]byte, length)
			if _, err = io.ReadFull(reader, payload); err == nil {
				say(map[string]any{"frame": string(payload)})
				continue
			}
		}
		ended := "reset"
		if errors.Is(err, io.EOF) {
			ended = "end"
			stream.Close()
		} else {
			stream.Reset()
		}
		say(map[string]any{"ended": ended})
		return
	}
}

func dial(ctx context.Context, line string, open func(context.Context, peer.AddrInfo, protocol.ID) (network.Stream, error)) error {
	words := strings.Fields(line)
	if len(words) != 3 {
		return fmt.Errorf("expected an address, a protocol and bytes")
	}
	info, err := peer.AddrInfoFromString(words[0])
	if err != nil {
		return err
	}
	bytes, err := hex.DecodeString(words[2])
	if err != nil {
		return err
	}
	stream, err := open(ctx, *info, protocol.ID(words[1]))
	if err != nil {
		return err
	}
	if _, err = stream.Write(bytes); err != nil {
		return err
	}
	go read(stream)
	return nil
}

func main() {
	node, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"))
	if err != nil {
		panic(err)
	}
	defer node.Close()
	for _, id := range os.Args[1:] {
		node.SetStreamHandler(protocol.ID(id), read)
	}
	say(map[string]any{"address": fmt.Sprintf("%s/p2p/%s", node.Addrs()[0], node.ID())})
	open := func(ctx context.Context, info peer.AddrInfo, id protocol.ID) (network.Stream, error) {
		if err := node.Connect(ctx, info); err != nil {
			return nil, err
		}
		return node.NewStream(ctx, info.ID, id)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := dial(context.Background(), lines.Text(), open); err != nil {
			say(map[string]any{"failed": err.Error()})
		}
	}
}
