  </div>
  <footer class="site-footer">
    <div class="hds-container">
      <p>DigiOne <TMPL_VAR NAME="municipality" ESCAPE=HTML></p>
    </div>
  </footer>
<script src="<TMPL_VAR NAME="SCRIPTNAME">psgi.js"></script>
</body>
</html>
