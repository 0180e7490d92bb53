//! The words of the columns `event` and `verdict`.

word_enum! {
    /// What a viewer may notice.
    #[derive(Default)]
    #[non_exhaustive]
    pub enum EventKind {
        /// Packets that never came.
        #[default]
        Gap = "gap",
        /// Media that was agreed upon and did not come.
        NoMedia = "no-media",
        /// A silence, and behind it a packet that comes later than its timestamp says.
        Late = "late",
        /// A silence that the timestamps tell of as well.
        Pause = "pause",
        /// The picture stands still.
        Freeze = "freeze",
        /// Pictures that nobody can show, as no key frame has come.
        NoPicture = "no-picture",
        /// Arrivals vary more than a player's buffer may hide.
        Jitter = "jitter",
        /// Two clocks run at different speeds.
        Drift = "drift",
        /// RTP timestamps that jump, or run at another rate than described.
        Timestamps = "timestamps",
        /// Packets that came twice.
        Duplicates = "duplicates",
        /// Packets in another order than sent.
        Reordering = "reordering",
        /// The source of a stream starts over.
        Restart = "restart",
        /// Bytes that are neither message nor frame.
        Garbage = "garbage",
        /// Media on channels that no SETUP named.
        Channels = "channels",
        /// Media that ended without a word.
        End = "end",
        /// Sender reports are missing.
        Reports = "reports",
        /// Logins that are missing, or asked for again and again.
        Login = "login",
        /// A request that was not granted.
        Refusal = "refusal",
    }
}

word_enum! {
    /// The causes. docs/verdicts.md has the rule for each.
    #[derive(Default)]
    #[non_exhaustive]
    pub enum Cause {
        /// Sequence numbers are missing that the server never sent.
        LostBeforeSending = "lost-before-sending",
        /// The server sent packets that never came.
        LostOnTheWay = "lost-on-the-way",
        /// Packets are missing, and nothing tells who lost them.
        LostSomewhere = "lost-somewhere",
        /// The recorder's own system lost packets.
        LostInTheRecorder = "lost-in-the-recorder",
        /// The media may have come; the capture lacks it.
        MissingInTheCapture = "missing-in-the-capture",
        /// Silence, then a burst with steady timestamps.
        LateOnTheNetwork = "late-on-the-network",
        /// The source paused: the timestamps say so, or the other tracks went on.
        LateAtTheSource = "late-at-the-source",
        /// The recorder read late.
        RecorderLate = "recorder-late",
        /// The client had no room for what it was sent: it did not read.
        ClientDoesNotRead = "client-does-not-read",
        /// Arrivals vary all the time, timestamps don't.
        UnsteadyDelivery = "unsteady-delivery",
        /// RTP timestamps jumped.
        SourceClockJumped = "source-clock-jumped",
        /// RTP timestamps run at another rate than described.
        ClockRateWrong = "clock-rate-wrong",
        /// The media clock runs at another speed than the server's own clock and the recorder's.
        MediaClockDrifts = "media-clock-drifts",
        /// The server's clock runs at another speed than the recorder's.
        ServerClockDrifts = "server-clock-drifts",
        /// Another SSRC, or sequence numbers that start over.
        SourceRestarted = "source-restarted",
        /// Packets came twice over UDP.
        RepeatedOnTheWay = "repeated-on-the-way",
        /// Packets came twice over TCP.
        SentTwice = "sent-twice",
        /// Packets changed their order over UDP.
        ReorderedOnTheWay = "reordered-on-the-way",
        /// Packets came out of order over TCP.
        SentOutOfOrder = "sent-out-of-order",
        /// Bytes that belong to no message and no frame.
        ProtocolBroken = "protocol-broken",
        /// Media on channels that no SETUP named, or a SETUP that named none.
        ChannelsUnclear = "channels-unclear",
        /// The server closed the connection without a word.
        EndedByTheServer = "ended-by-the-server",
        /// Media stopped without a word.
        MediaStopped = "media-stopped",
        /// PLAY was granted and nothing came; nothing tells why.
        NoMedia = "no-media",
        /// Media was agreed upon, and who should have sent it gave nothing.
        NothingSent = "nothing-sent",
        /// The host that media is sent to refuses it.
        NobodyListens = "nobody-listens",
        /// A router or a firewall refuses media.
        BlockedOnTheWay = "blocked-on-the-way",
        /// Media came to another port or channel than was agreed on.
        SentElsewhere = "sent-elsewhere",
        /// No key frame came, with which decoding could begin.
        NoKeyFrame = "no-key-frame",
        /// Pictures came for seconds before the first key frame.
        LateKeyFrame = "late-key-frame",
        /// There are no sender reports.
        NoSenderReports = "no-sender-reports",
        /// The server refused a request.
        RefusedByTheServer = "refused-by-the-server",
        /// A login was asked for and not given, or was wrong.
        LoginNeeded = "login-needed",
        /// A login was asked for again and again.
        LoginRepeated = "login-repeated",
        /// None of the rules fits.
        #[default]
        Unexplained = "unexplained",
    }
}

word_enum! {
    /// Who has to look for the fault.
    #[derive(Default)]
    #[non_exhaustive]
    pub enum FaultSide {
        /// The source of the media: camera or encoder, its clock, its settings.
        Camera = "camera",
        /// The RTSP server: what it sends, answers, refuses.
        Server = "server",
        /// What lies between the two.
        Network = "network",
        /// The RTSP client: what it asks for, reads, or publishes.
        Client = "client",
        /// The machine and the program that recorded: the session itself may have been whole.
        Recorder = "recorder",
        /// The capture file: it lacks what the session may have had.
        Capture = "capture",
        /// This capture does not tell.
        #[default]
        Unknown = "unknown",
    }
}
