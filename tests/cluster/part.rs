//! What a cluster consists of: shapes, parts, their replicas, and what these reach over the network. Starts nothing.

use std::fmt;

/// How the product is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// One process on SQLite files and embedded storage.
    Standalone,
    /// A process per service, PostgreSQL, storage over the network.
    Distributed,
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Standalone => "standalone",
            Self::Distributed => "distributed",
        })
    }
}

/// One process of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Everything in one process.
    Standalone,
    /// The user service.
    User,
    /// The merchant service.
    Merchant,
    /// The group service.
    Group,
    /// The file service.
    File,
    /// The gateway.
    Gateway,
}

impl Part {
    /// The name of its binary.
    pub fn binary(self) -> &'static str {
        match self {
            Self::Standalone => "chatroom",
            Self::User => "chatroom-user",
            Self::Merchant => "chatroom-merchant",
            Self::Group => "chatroom-group",
            Self::File => "chatroom-file",
            Self::Gateway => "chatroom-gateway",
        }
    }

    /// Its name among the services, by which its certificates are kept.
    pub fn name(self) -> &'static str {
        self.binary().trim_start_matches("chatroom-")
    }

    /// What it calls itself where it calls in its own name, where it does.
    pub(super) fn service_name(self) -> Option<&'static str> {
        match self {
            Self::Gateway => Some("gateway"),
            Self::Merchant => Some("merchant"),
            Self::Group => Some("group"),
            Self::File => Some("file"),
            Self::Standalone | Self::User => None,
        }
    }

    /// The setting by which others find it, where they do.
    pub(super) fn url_setting(self) -> Option<&'static str> {
        match self {
            Self::User => Some("CHATROOM_USER_URL"),
            Self::Merchant => Some("CHATROOM_MERCHANT_URL"),
            Self::Group => Some("CHATROOM_GROUP_URL"),
            Self::File => Some("CHATROOM_FILE_URL"),
            Self::Standalone | Self::Gateway => None,
        }
    }
}

/// The parts of a distributed cluster, each after those it asks.
pub const DISTRIBUTED: [Part; 5] = [Part::User, Part::Merchant, Part::File, Part::Group, Part::Gateway];

/// One of the processes that do the work of a part, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replica(pub Part, pub usize);

impl From<Part> for Replica {
    /// The first, which is the only one unless a test asks for more.
    fn from(part: Part) -> Self {
        Self(part, 0)
    }
}

/// What processes reach over the network, each through proxies of its own where a test asks for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependency {
    /// A service, all its replicas.
    Service(Part),
    /// The PostgreSQL server.
    Database,
    /// The S3 server.
    Storage,
    /// The NATS server.
    Bus,
}
