"""What results come to: leaderboards, figures' data, costs. Works on rows and histories; prints and opens nothing."""
