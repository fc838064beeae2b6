//! What is measured: routes, and mixtures of them, and how near to its limit each is meant to come.

use std::fmt;

use chatroom_tests::Shape;
use clap::ValueEnum;

/// A route, or a mixture of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Route {
    /// GET /h5/merchant: a user's ten pages.
    List,
    /// POST /h5/group/getGroup: a page's three groups.
    Groups,
    /// Twelve lists, five getGroup and three first joins in twenty.
    Mixed,
    /// POST /h5/merchant by users who are not yet in the page: each inserts a row.
    Join,
    /// POST /h5/merchant by users who are in the page already.
    Rejoin,
    /// POST /h5/user/login.
    Login,
    /// POST /upload of 10 MiB.
    Upload,
    /// GET /upload of a picture of 64 KiB.
    Download,
}

/// How a route is compared with its limit, and how near it is meant to come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Aim {
    /// CPU time per request, as a multiple of the limit's, is at most this.
    CpuAtMost(f64),
    /// The rate, as a fraction of the limit's, is at least this.
    RateAtLeast(f64),
    /// Nothing is aimed at; it is worth knowing.
    None,
}

impl Route {
    /// In the order in which they are measured: the joins, which make the tables grow, after the reads.
    pub(crate) const ALL: [Self; 8] =
        [Self::List, Self::Groups, Self::Mixed, Self::Rejoin, Self::Join, Self::Login, Self::Upload, Self::Download];

    /// How many connections ask at once.
    pub(crate) fn connections(self) -> usize {
        match self {
            Self::Login => 8,
            Self::Upload => 1,
            _ => 64,
        }
    }

    /// By how much longer it is measured than others: requests that take long are few.
    pub(crate) fn patience(self) -> u32 {
        match self {
            Self::Login | Self::Upload => 2,
            _ => 1,
        }
    }

    /// Whether its limit is the object storage itself, rather than a bare handler.
    pub(crate) fn moves_objects(self) -> bool {
        matches!(self, Self::Upload | Self::Download)
    }

    /// How near to its limit it is meant to come.
    pub(crate) fn aim(self, shape: Shape) -> Aim {
        match (self, shape) {
            (Self::Login, _) => Aim::CpuAtMost(1.05),
            (Self::Upload, Shape::Distributed) => Aim::RateAtLeast(0.8),
            (Self::Upload, Shape::Standalone) | (Self::Download, _) => Aim::None,
            (_, Shape::Standalone) => Aim::CpuAtMost(1.3),
            (_, Shape::Distributed) => Aim::CpuAtMost(3.0),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::List => "GET /h5/merchant",
            Self::Groups => "POST /h5/group/getGroup",
            Self::Mixed => "mixed",
            Self::Join => "POST /h5/merchant, first join",
            Self::Rejoin => "POST /h5/merchant, repeated",
            Self::Login => "POST /h5/user/login",
            Self::Upload => "POST /upload, 10 MiB",
            Self::Download => "GET /upload, 64 KiB",
        })
    }
}
