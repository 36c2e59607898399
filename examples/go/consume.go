package main

// Reads outcomes: go run . consume GROUP [COUNT], or go run . dashboard [--once]

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"sort"
	"strconv"
	"strings"
)

// Done is an outcome as it stands in a stream; EntryID and Run are its key.
type Done struct {
	EntryID string `json:"entry_id"`
	JobID   string `json:"job_id"`
	Run     int
	Status  string
	Account string
	Code    string
}

func (d Done) key() string { return fmt.Sprint(d.EntryID, " ", d.Run) }

// Entry is one message of a stream.
type Entry struct {
	Stream, ID string
	Done       Done
}

// consume handles each outcome once, with a consumer group. Start as many as you like: they
// share the work. What one that died had read is taken over by another after a minute.
func consume(arguments []string) {
	if len(arguments) == 0 {
		log.Fatal("usage: consume GROUP [COUNT]")
	}
	group, left := arguments[0], -1
	if len(arguments) > 1 {
		left, _ = strconv.Atoi(arguments[1])
	}
	idle := or(os.Getenv("IDLE_MS"), "60000")
	host, _ := os.Hostname()
	me := fmt.Sprintf("%s-%d", host, os.Getpid())
	redis, streams := connect(), streams()
	for _, stream := range streams {
		// From the first entry that is kept; "$" would begin with the next one.
		_, err := redis.Do("XGROUP", "CREATE", stream, group, "0", "MKSTREAM")
		if err != nil && !strings.Contains(err.Error(), "BUSYGROUP") {
			log.Fatal(err)
		}
	}
	// An outcome can come twice: after a failover, or if we die between handling and XACK. In a
	// program of your own (entry_id, run) is a unique key of the table that it is written to.
	seen := map[string]bool{}
	handle := func(entries []Entry) {
		for _, entry := range entries {
			if done := entry.Done; !seen[done.key()] {
				seen[done.key()] = true
				fmt.Println(done.Status, done.JobID, done.Code)
				left--
			}
			// Only now: what is not acknowledged is handled again.
			must(redis, "XACK", entry.Stream, group, entry.ID)
		}
	}
	for left != 0 {
		for _, stream := range streams {
			claimed := must(redis, "XAUTOCLAIM", stream, group, me, idle, "0", "COUNT", "100").([]any)
			handle(entries(stream, claimed[1]))
		}
		handle(read(redis, "XREADGROUP", "GROUP", group, me, "COUNT", "100", "BLOCK", "1000",
			"STREAMS", streams[0], streams[1], ">", ">"))
	}
}

// dashboard counts outcomes by account, from nothing and then as they come. It needs no
// consumer group, for it changes nothing: after a restart it counts again.
func dashboard(arguments []string) {
	once := len(arguments) == 1 && arguments[0] == "--once"
	redis, streams := connect(), streams()
	last := map[string]string{streams[0]: "0", streams[1]: "0"}
	counts, seen := map[string]int{}, map[string]bool{}
	for {
		words := []string{"XREAD", "COUNT", "1000"}
		if !once {
			words = append(words, "BLOCK", "1000")
		}
		words = append(words, "STREAMS", streams[0], streams[1], last[streams[0]], last[streams[1]])
		found := read(redis, words...)
		for _, entry := range found {
			last[entry.Stream] = entry.ID
			if !seen[entry.Done.key()] {
				seen[entry.Done.key()] = true
				counts[entry.Done.Account+" "+or(entry.Done.Code, "succeeded")]++
			}
		}
		if len(found) > 0 {
			continue
		}
		var lines []string
		for cell, number := range counts {
			lines = append(lines, fmt.Sprint(cell, " ", number))
		}
		sort.Strings(lines)
		for _, line := range lines {
			fmt.Println(line)
		}
		if once {
			return
		}
	}
}

func streams() []string {
	ns := or(os.Getenv("ZOOMD_NAMESPACE"), "zoomd")
	return []string{ns + ":results", ns + ":failures"}
}

func must(redis *Redis, words ...string) any {
	value, err := redis.Do(words...)
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// read answers the entries of a command that reads streams.
func read(redis *Redis, words ...string) []Entry {
	var all []Entry
	streams, _ := must(redis, words...).([]any)
	for _, stream := range streams {
		pair := stream.([]any)
		all = append(all, entries(pair[0].(string), pair[1])...)
	}
	return all
}

// entries reads entries of one stream; those that were trimmed meanwhile are left out.
func entries(stream string, list any) []Entry {
	var all []Entry
	for _, item := range list.([]any) {
		entry, ok := item.([]any)
		if !ok || entry[1] == nil {
			continue
		}
		fields := entry[1].([]any)
		for i := 0; i+1 < len(fields); i += 2 {
			if name := fields[i]; name == "result" || name == "failure" {
				var done Done
				if err := json.Unmarshal([]byte(fields[i+1].(string)), &done); err != nil {
					log.Fatal(err)
				}
				all = append(all, Entry{stream, entry[0].(string), done})
			}
		}
	}
	return all
}
